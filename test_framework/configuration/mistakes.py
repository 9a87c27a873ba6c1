"""Mistakes of a configuration, collected over all files and raised at once.

Rules: a mistake is one line `file:line:column: path: what is wrong, what would be right`; lines and columns
count from 1; whatever a user wrote is shown shortened and escaped, so that a mistake stays one line.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from test_framework.model.errors import UserError
from test_framework.model.outcome import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands: ("layers", "fast_feedback", "categories", 1, "timeout_seconds")."""

_SHOWN = 60


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    file: str
    line: int
    column: int
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.path + ': ' if self.path else ''}{self.text}"


def raise_all(mistakes: Iterable[Mistake]) -> None:
    """Raise one `UserError` (usage) that names every mistake, by file and line; without any, return."""
    lines = [str(mistake) for mistake in sorted(set(mistakes))]
    if lines:
        count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
        hint = f"{count} in the configuration; nothing was started"
        raise UserError("\n".join(lines), hint, ExitCode.USAGE)


def written(path: Path) -> str:
    """The path as people write it: `layers.fast_feedback.categories[1].timeout_seconds`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f"{'.' if text else ''}{plain(part)}"
    return text


def plain(text: str) -> str:
    """A user's word made fit for one line: shortened, control characters escaped."""
    if len(text) > _SHOWN:
        text = text[: _SHOWN - 3] + "..."
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def quoted(text: str) -> str:
    return f"'{plain(text)}'"


def described(value: object) -> str:
    """What was found, in a reader's words: `the text 'yes'`, `true`, `-2`, `a list`, `nothing`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return plain(str(value))
        case str():
            return f"the text {quoted(value)}"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"a {type(value).__name__}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known word (letter case does not count), else an empty text."""
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word[:200].casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean '{by_folded[close[0]]}'?" if close else ""
