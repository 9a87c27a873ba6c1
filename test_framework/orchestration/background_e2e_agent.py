"""Decides which layers belong in the background, where long runs do not keep anybody waiting.

Rules: a background layer never runs in a foreground mode unless it is asked for by name. Starting layers detached is
not built yet, and a request for it is refused by name.
"""

from __future__ import annotations

from typing import Any

from test_framework.core.settings import Settings
from test_framework.model.errors import UserError
from test_framework.orchestration.agent import OrchestrationAgentInterface


class BackgroundE2EAgent(OrchestrationAgentInterface):
    """Knows the background layers of a project."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def background_layers(self) -> tuple[str, ...]:
        """Ids of the layers that are configured to run in the background."""
        return tuple(layer.id for layer in self.settings.layers.values() if layer.background)

    async def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """{} -> {"background_layers": [...]}; {"start": layer} is refused with `UserError`."""
        if request.get("start"):
            raise UserError(
                f"layer {request['start']} cannot be started in the background yet",
                f"run it in the foreground: --layers {request['start']}",
            )
        return {"background_layers": list(self.background_layers())}
