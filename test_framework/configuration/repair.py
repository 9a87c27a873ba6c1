"""A section with its mistakes of shape taken out, so that the rest of it can still be checked.

Rules: only for finding more mistakes at once, never for running; places in lists keep their index; what
cannot be made sound is None.
"""

from __future__ import annotations

import copy
import zlib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from test_framework.configuration.checking import real_path
from test_framework.configuration.models import CONFIGURATION

if TYPE_CHECKING:
    from test_framework.configuration.mistakes import Path

_ROUNDS = 3


def repaired(section: str, value: Any) -> Any:
    """A sound copy of the section's value, or None."""
    whole = {section: copy.deepcopy(value)}
    for _ in range(_ROUNDS):
        try:
            CONFIGURATION.validate_python(whole)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                is_key = found["loc"][-1:] == ("[key]",)
                _take_out(whole, real_path(found["loc"]), found["type"], is_key)
        else:
            return whole.get(section)
    return None


def _take_out(whole: dict[str, Any], path: Path, kind: str, wrong_key: bool) -> None:
    parents: list[Any] = [whole]
    for part in path[:-1]:
        try:
            parents.append(parents[-1][part])
        except (KeyError, IndexError, TypeError):
            return
    last, parent = path[-1], parents[-1]
    stand_in = f"unnamed.{zlib.crc32(repr(path).encode()):08x}"
    nameless = {"name": stand_in}
    if isinstance(parent, list):
        if len(path) > 1 and path[-2] == "categories" and isinstance(last, int):
            found = parent[last]
            parent[last] = {"name": found} if isinstance(found, str) else nameless
        elif isinstance(parents[-2], dict):
            parents[-2].pop(path[-2], None)
    elif isinstance(parent, dict):
        in_layers = path[0] == "layers"
        if in_layers and len(path) == 2 and not wrong_key:
            parent[last] = {"categories": [nameless]}
        elif in_layers and len(path) == 3 and last == "categories":
            parent[last] = [nameless]
        elif last == "name" and len(path) > 3 and path[-3] == "categories":
            parent.update(nameless)
        elif kind == "string_pattern_mismatch" and wrong_key:
            parent[stand_in] = parent.pop(last, None)
        else:
            parent.pop(last, None)
