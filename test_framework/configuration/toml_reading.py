"""The `[tool.apex]` table of a pyproject.toml as a document.

Rules: values come from the standard library's parser; it keeps no positions, so they are found by searching
the text for the table's header and the key, and are right for keys written the usual way, one on a line. A
value's position is its key's. Endless numbers are mistakes; the limits of size and depth are those of YAML.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
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

_TABLE = ("tool", "apex")
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?")
_PAIR = re.compile(rf"({_DOTTED})[ \t]*=")
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
    positions = _positions(text)

    def locate(path: Path, _aim: Aim) -> Position:
        for length in range(len(path), -1, -1):
            at = positions.get((*_TABLE, *path[:length]))
            if at is not None:
                return at
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


def _positions(text: str) -> dict[Path, Position]:
    """Where keys stand, by their whole path from the file's top; the first writing of a key counts."""
    positions: dict[Path, Position] = {}
    items: Counter[Path] = Counter()
    table: Path = ()
    for number, line in enumerate(text.split("\n"), 1):
        header = _HEADER.match(line)
        if header:
            table = _with_items(_names(header[2]), items)
            if header[1] == "[[":
                index = items[table]
                items[table] += 1
                _note(positions, table, (number, header.start(2) + 1))
                table = (*table, index)
            _note(positions, table, (number, header.start(2) + 1))
            continue
        _note_pairs(positions, table, line, number)
    return positions


def _note_pairs(positions: dict[Path, Position], table: Path, line: str, number: int) -> None:
    """Keys of one line: the line's own, and those of inline tables behind it (filed under the line's key)."""
    if line.lstrip().startswith("#"):
        return
    own: Path = ()
    for pair in _PAIR.finditer(line):
        names = _names(pair[1])
        first = not line[: pair.start()].strip()
        if first:
            own = names
        _note(positions, (*table, *names) if first else (*table, *own, *names), (number, pair.start() + 1))


def _note(positions: dict[Path, Position], path: Path, at: Position) -> None:
    for length in range(len(path), 0, -1):
        positions.setdefault(path[:length], at)


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, dotted))


def _with_items(names: tuple[str, ...], items: Counter[Path]) -> Path:
    """The header's path, with the index of the current item after each array of tables on the way."""
    path: Path = ()
    for place, name in enumerate(names):
        path = (*path, name)
        if place < len(names) - 1 and items[path]:
            path = (*path, items[path] - 1)
    return path
