"""The JSON Schema (2020-12) of all configuration files, made from the models.

Rules: what it accepts the reader accepts, and the reverse, for shapes: references between names, cycles and
the like are not expressible in it. One difference stays: to JSON Schema 2.0 is a whole number, to us it is not.
"""

from __future__ import annotations

from typing import Any

from test_framework.configuration.legacy import LEGACY
from test_framework.configuration.meaning import MEANING
from test_framework.configuration.models import CONFIGURATION


def json_schema() -> dict[str, Any]:
    """A schema that editors and validators understand."""
    made = CONFIGURATION.json_schema()
    for name, section in made["$defs"].items():
        _explain(section, name)
    _explain(made, "Configuration")
    for path, reason in LEGACY.items():
        section = made if len(path) == 1 else made["$defs"]["Category"]
        section["properties"][path[-1]] = {"deprecated": True, "description": f"Without effect: {reason}"}
    _close(made)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Netra Apex configuration",
        **{key: value for key, value in made.items() if key != "title"},
    }


def _explain(section: dict[str, Any], name: str) -> None:
    for key, value in section["properties"].items():
        value.pop("title", None)
        value["description"] = MEANING[name][key]


def _close(value: Any) -> None:
    """Names that no pattern allows are refused, which JSON Schema says only when asked to."""
    if isinstance(value, dict):
        if "patternProperties" in value:
            value.setdefault("additionalProperties", False)
        for child in value.values():
            _close(child)
    elif isinstance(value, list):
        for child in value:
            _close(child)
