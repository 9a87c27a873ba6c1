"""The `[tool.apex]` table of a pyproject.toml as a document.

Rules: values come from the standard library's parser, positions from a second look at the same text, taken
when somebody asks. Endless numbers and dates are mistakes; the limits of size and depth are those of YAML.
"""

from __future__ import annotations

import math
import re
import tomllib
from datetime import date, time
from typing import Any

from test_framework.configuration.documents import (
    MAX_DEPTH,
    MAX_VALUES,
    Aim,
    Document,
    Position,
    decoded,
    position_at,
)
from test_framework.configuration.mistakes import Mistake, Path, described
from test_framework.configuration.toml_positions import toml_positions

_TABLE = ("tool", "apex")
_TOO_LARGE = 10**40
_AT_LINE = re.compile(r"at line (\d+), column (\d+)")


def read_toml(name: str, raw: bytes) -> Document | None:
    """The document of `[tool.apex]`, None where the file has no such table. Never raises."""
    if b"apex" not in raw:
        return None
    text, mistake = decoded(name, raw)
    if mistake is not None:
        return Document(name, mistakes=[mistake])
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line, column = (int(found[1]), int(found[2])) if found else position_at(text.rstrip())
        reason = " ".join(str(error).split(" (at ")[0].split())
        return Document(name, mistakes=[Mistake(name, line, column, "", f"not valid TOML: {reason}")])
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
        return Document(name, mistakes=[Mistake(name, 1, 1, "", f"not valid TOML: {reason}")])
    tool = whole.get("tool")
    table = tool.get("apex") if isinstance(tool, dict) else None
    if table is None:
        return None
    positions: dict[Path, tuple[Position, Position]] = {}

    def locate(path: Path, aim: Aim) -> Position:
        if not positions:
            positions.update(toml_positions(text))
        for length in range(len(path), -1, -1):
            at = positions.get((*_TABLE, *path[:length]))
            if at is not None:
                return at[0] if aim == "key" else at[1]
        return 1, 1

    if not isinstance(table, dict):
        at = locate((), "value")
        text = f"expected a table, found {described(table)}"
        return Document(name, mistakes=[Mistake(name, *at, "tool.apex", text)])
    document = Document(name, table, locate, prefix=_TABLE)
    _check_values(document)
    return document


def _check_values(document: Document) -> None:
    """Note what YAML's reader refuses too: depth, size and endless numbers."""
    todo: list[tuple[Any, Path]] = [(document.data, ())]
    count = 0
    while todo:
        value, path = todo.pop()
        count += 1
        if len(path) > MAX_DEPTH or count > MAX_VALUES:
            limit = f"{MAX_DEPTH} levels" if len(path) > MAX_DEPTH else f"{MAX_VALUES:,} values"
            document.mistakes.append(document.mistake(path, f"more than {limit}"))
            document.data = {}
            return
        if isinstance(value, dict):
            todo += [(child, (*path, key)) for key, child in value.items()]
        elif isinstance(value, list):
            todo += [(child, (*path, index)) for index, child in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            document.mistakes.append(document.mistake(path, f"{value} is not a finite number"))
        elif isinstance(value, date | time):
            document.mistakes.append(document.mistake(path, "a date or time is no value here, write text"))
        elif isinstance(value, int) and abs(value) >= _TOO_LARGE:
            document.mistakes.append(document.mistake(path, "the number is too large or too long"))
