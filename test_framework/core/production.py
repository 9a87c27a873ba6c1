"""The one guard of production: nothing is collected or run against it by accident."""

from __future__ import annotations

from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.model.errors import UserError


def refuse_production(environment: str, allowed: bool) -> None:
    """Raise `UserError` for production (by any accepted name) that was not allowed on purpose."""
    if ENVIRONMENT_NAMES.get(environment) == "prod" and not allowed:
        raise UserError(
            f"--env {environment}: nothing runs against production without --allow-prod",
            "add --allow-prod if that is what you mean; --env staging is the safe rehearsal",
        )
