"""The JSON Schema (2020-12) of all configuration files, made from the models."""

from __future__ import annotations

from typing import Any

from test_framework.configuration.models import CONFIGURATION


def json_schema() -> dict[str, Any]:
    """A schema that editors and validators understand; references between names are not expressible in it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Netra Apex configuration",
        **{key: value for key, value in CONFIGURATION.json_schema().items() if key != "title"},
    }
