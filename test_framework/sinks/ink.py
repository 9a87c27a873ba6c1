"""Painted lines: text in spans, each with the name of a style, and their way onto a terminal.

Rules: painters make lines and know no escape sequence; only `render` and the screen write any. A line's text
is safe already (see `human`). Styles are few: good, bad, warn, dim, bold, title.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from test_framework.sinks.human import cells, fit

Span: TypeAlias = tuple[str, str]
"""(style, text); style "" is the terminal's own"""
Line: TypeAlias = tuple[Span, ...]

_CODES = {"good": "32", "bad": "31;1", "warn": "33", "dim": "2", "bold": "1", "title": "36"}
EMPTY: Line = ()


@dataclass(frozen=True, slots=True)
class Look:
    """How much room there is and what may be used of it.

    `width`, `height`: columns and rows; `cut`: long lines of the summary may be shortened to the width (on a
    terminal); `colour`, `unicode`: what the stream can show; `verbose`: a line per test, lists in full.
    """

    width: int = 80
    height: int = 24
    cut: bool = False
    colour: bool = False
    unicode: bool = True
    verbose: bool = False

    @property
    def gap(self) -> str:
        return "\u2026" if self.unicode else "..."


def plain(text: str, style: str = "") -> Line:
    return ((style, text),)


def rule(title: str, fill: str, look: Look, style: str = "") -> Line:
    """pytest's separators: a title in the middle of a line of `fill`, which is seen however long it is."""
    side = max((look.width - 1 - cells(title) - 2) // 2, 2)
    line = f"{fill * side} {title} {fill * side}"
    return plain(line + fill * (look.width - 1 - cells(line)), style)


def width_of(line: Line) -> int:
    return sum(cells(text) for _, text in line)


def trim(line: Line, width: int, gap: str) -> Line:
    """The line in at most `width` columns."""
    if width_of(line) <= width:
        return line
    kept: list[Span] = []
    room = width
    for style, text in line:
        if cells(text) > room:
            return (*kept, (style, fit(text, room, gap)))
        kept.append((style, text))
        room -= cells(text)
    return tuple(kept)


def render(line: Line, colour: bool) -> str:
    """The line as text, with colours where they are wanted; no newline."""
    if not colour:
        return "".join(text for _, text in line)
    return "".join(f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and text else text for style, text in line)


def render_all(block: Iterable[Line], colour: bool) -> str:
    return "".join(render(line, colour) + "\n" for line in block)


def wants_colour(terminal: bool, environ: Mapping[str, str]) -> bool:
    """pytest's rules, then those of no-color.org and force-color.org."""
    if environ.get("PY_COLORS") in ("0", "1"):
        return environ["PY_COLORS"] == "1"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return terminal and environ.get("TERM") != "dumb"
