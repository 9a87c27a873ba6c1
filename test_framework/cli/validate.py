"""`--validate`: is the configuration right, and what does it amount to?

Rules: every mistake of every file at once, on stdout, for that is the answer; nothing is started or written
apart from the cache.
"""

from __future__ import annotations

import sys
from pathlib import Path

from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_MOST_NAMES = 12


def validate(root: Path, environment: str, as_json: bool = False) -> int:
    """Print a short summary, or the mistakes; 0 or 4. `as_json`: one JSON object on a line."""
    from test_framework.configuration.load import load_mapping

    try:
        found = _summary(*load_mapping(root), environment)
        code = 0
    except UserError as error:
        lines = error.what.splitlines()
        found = {"valid": False, "mistakes": lines, "hint": error.hint}
        code = int(error.exit_code)
    if as_json:
        import json

        text = json.dumps(found, separators=(",", ":"))
    else:
        text = "\n".join(_lines(found) if code == 0 else [*found["mistakes"], found["hint"]])
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    return code


def _summary(
    mapping: Mapping[str, Any], notes: list[str], sources: list[str], environment: str
) -> dict[str, Any]:
    from test_framework.cli.catalogue import categories_of, layers_of

    return {
        "valid": True,
        "environment": ENVIRONMENT_NAMES[environment],
        "files": sources,
        "layers": list(layers_of(mapping, environment)),
        "categories": list(categories_of(mapping, environment)),
        "modes": list(mapping.get("modes", ())),
        "services": list(mapping.get("service_dependencies", ())),
        "notes": notes,
    }


def _lines(found: dict[str, Any]) -> list[str]:
    files = ", ".join(found["files"]) or "none, the shipped defaults serve"
    notes = found["notes"]
    return [
        f"the configuration is valid (environment {found['environment']})",
        f"  files       {files}",
        *(
            f"  {what:<11} {len(found[what])}: {_names(found[what])}"
            for what in ("layers", "categories", "modes", "services")
        ),
        f"  notes       {len(notes) or 'none'}",
        *(f"    {note}" for note in notes),
    ]


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _MOST_NAMES
    return ", ".join(listed[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
