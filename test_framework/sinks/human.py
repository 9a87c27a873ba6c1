"""How durations, names and foreign text are written for people: the one place that does it.

Rules: pure; whatever a test can name, print or raise is foreign text and goes through `one_line` or `lines`
before it reaches a terminal, so that no escape sequence, carriage return, lone surrogate or text-direction
override in it has any effect there. Characters are shown the way Python's `backslashreplace` shows them.
"""

from __future__ import annotations

import re
import unicodedata

_UNSAFE = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile(f"[{_UNSAFE}]")
_IN_NAME = re.compile(f"[\t\n{_UNSAFE}]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def _shown(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def one_line(text: str) -> str:
    """Foreign text as part of a line: line feeds and tabs are escaped too."""
    if text.isascii() and text.isprintable():
        return text
    return _IN_NAME.sub(_shown, text)


def lines(text: str) -> list[str]:
    """Foreign text as lines; CR LF counts as a line end, tabs stay, everything else unsafe is escaped."""
    if not text:
        return []
    return _IN_TEXT.sub(_shown, text.replace("\r\n", "\n").rstrip("\n")).split("\n")


def duration(seconds: float) -> str:
    """`0.04 s`, `0.4 s`, `12.3 s`, `1 min 12 s`, `2 h 5 min`."""
    seconds = max(seconds, 0.0)
    if seconds < 0.095:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return clock(seconds)


def clock(seconds: float) -> str:
    """Like `duration`, in whole seconds: `0 s`, `12 s`, `2 min`, `1 min 12 s`, `2 h 5 min`."""
    whole = round(max(seconds, 0.0))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count(number: int, one: str, many: str = "") -> str:
    """`1 test`, `2 tests`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def cells(text: str) -> int:
    """Columns that text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, width: int, gap: str = "...") -> str:
    """Text in at most `width` columns; what is too long loses its middle: the ends of a name tell most."""
    if cells(text) <= width:
        return text
    room = width - cells(gap)
    if room < 2:
        return _head(text, width)
    tail = _head(text[::-1], room - room // 3)[::-1]
    return _head(text, room - cells(tail)) + gap + tail


def fit_start(text: str, width: int, gap: str = "...") -> str:
    """Text in at most `width` columns; what is too long loses its end."""
    if cells(text) <= width:
        return text
    return _head(text, width - cells(gap)) + gap if width > cells(gap) else _head(text, width)


def _head(text: str, width: int) -> str:
    used = 0
    for place, character in enumerate(text):
        used += _cells_of(character)
        if used > width:
            return text[:place]
    return text
