"""A configuration file after reading: plain values, and the position of every key and value.

Rules: values are dict (keys are text), list, str, int, float, bool or None; nothing here knows what a key
means. A position is (line, column), both counted from 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from test_framework.configuration.mistakes import Mistake, Path, written

if TYPE_CHECKING:
    from collections.abc import Callable

Position: TypeAlias = tuple[int, int]
Aim: TypeAlias = Literal["value", "key"]

MAX_BYTES = 1 << 20
"""The largest file that is read: 1 MiB."""
MAX_DEPTH = 20
"""The deepest nesting of lists and mappings; a file's own top level is 1."""
MAX_VALUES = 100_000
"""The most values of one file, aliases counted as if written out."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")


@dataclass(slots=True)
class Document:
    """`name` is the file as the user would write it; `data` its (possibly empty) top-level mapping."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    locate: Callable[[Path, Aim], Position] = field(default=lambda _path, _aim: (1, 1))
    """The position of the path, or of its longest part that is there."""
    mistakes: list[Mistake] = field(default_factory=list)
    prefix: Path = ()
    """where `data` stands in the file: ("tool", "apex")"""

    def mistake(self, path: Path, text: str, aim: Aim = "value") -> Mistake:
        line, column = self.locate(path, aim)
        return Mistake(self.name, line, column, written((*self.prefix, *path)), text)

    def holds(self, path: Path) -> bool:
        """Is there a value at the path?"""
        here: Any = self.data
        for part in path:
            in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
            if not in_list and not (isinstance(here, dict) and part in here):
                return False
            here = here[part]
        return True


def decoded(name: str, raw: bytes) -> tuple[str, Mistake | None]:
    """The file's text, or why it is none: too large, a byte order mark, not UTF-8, a control character."""
    if len(raw) > MAX_BYTES:
        return "", Mistake(name, 1, 1, "", "larger than 1 MiB, which no configuration needs to be")
    if raw.startswith(b"\xef\xbb\xbf"):
        return "", Mistake(name, 1, 1, "", "starts with a byte order mark, save it as UTF-8 without one")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", Mistake(name, 1, 1, "", "is UTF-16, save it as UTF-8")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line, column = position_at(raw[: error.start].decode(errors="replace"))
        return "", Mistake(name, line, column, "", f"is not UTF-8 (byte 0x{raw[error.start]:02x})")
    control = _CONTROL.search(text)
    if control:
        line, column = position_at(text[: control.start()])
        return "", Mistake(name, line, column, "", f"holds the control character U+{ord(control[0]):04X}")
    return text, None


def position_at(before: str) -> Position:
    """The position that follows the text `before`."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
