"""Where keys and values stand in a TOML text that the standard library's parser (it keeps none) has accepted.

Rules: the text is known to be right, so only what separates things is looked at; paths begin at the file's
top; the first writing of a table counts; what is nested deeper than any configuration ends the search.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections import Counter

from test_framework.configuration.documents import MAX_DEPTH, Position
from test_framework.configuration.mistakes import Path

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"{3,5}(?!")'
    r"|'''[\s\S]*?'{3,5}(?!')"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
)
_PLAIN = re.compile(r"[^,\]}#\n]*")


class _TooDeepError(Exception):
    """No configuration is nested so deep; the reader refuses it."""


def toml_positions(text: str) -> dict[Path, tuple[Position, Position]]:
    """For each path the positions of its key and of its value."""
    scan = _Scan(text)
    with contextlib.suppress(_TooDeepError):
        scan.document()
    return scan.found


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, tuple[Position, Position]] = {}
        self.items: Counter[Path] = Counter()
        self.line = 1
        self.line_start = 0
        self.counted = 0

    def position(self, offset: int) -> Position:
        """Offsets only grow, apart from a few characters back on the same line."""
        if offset > self.counted:
            newlines = self.text.count("\n", self.counted, offset)
            if newlines:
                self.line += newlines
                self.line_start = self.text.rfind("\n", 0, offset) + 1
            self.counted = offset
        return self.line, offset - self.line_start + 1

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def next(self) -> str:
        return self.text[self.at : self.at + 1]

    def document(self) -> None:
        table: Path = ()
        while True:
            self.skip(_SPACE)
            if not self.next():
                return
            if self.next() == "[":
                table = self.header()
            else:
                self.pair(table, 1)

    def header(self) -> Path:
        listed = self.text.startswith("[[", self.at)
        start = self.position(self.at)
        self.at += 2 if listed else 1
        keys = self.keys()
        self.at = self.text.index("]", self.at) + (2 if listed else 1)
        path: Path = ()
        for place, (name, offset) in enumerate(keys):
            path = (*path, name)
            here = self.position(offset)
            self.found.setdefault(path, (here, here))
            if place < len(keys) - 1 and self.items[path]:
                path = (*path, self.items[path] - 1)
        if listed:
            self.items[path] += 1
            path = (*path, self.items[path] - 1)
            self.found[path] = (start, start)
        return path

    def keys(self) -> list[tuple[str, int]]:
        """A dotted key: each name and where it begins."""
        found = []
        while True:
            self.skip(_BLANK)
            start = self.at
            if self.next() in "\"'":
                self.skip(_TEXT)
                name = tomllib.loads(f"k = {self.text[start : self.at]}")["k"]
            else:
                self.skip(_BARE)
                name = self.text[start : self.at]
            found.append((name, start))
            self.skip(_BLANK)
            if self.next() != ".":
                return found
            self.at += 1

    def pair(self, table: Path, depth: int) -> None:
        path = table
        key = (1, 1)
        for name, offset in self.keys():
            path, key = (*path, name), self.position(offset)
            self.found.setdefault(path, (key, key))
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        self.value(path, key, depth)

    def value(self, path: Path, key: Position | None, depth: int) -> None:
        here = self.position(self.at)
        self.found[path] = (key or here, here)
        if depth > MAX_DEPTH + 1:
            raise _TooDeepError
        first = self.next()
        if first == "[":
            self.list(path, depth)
        elif first == "{":
            self.inline_table(path, depth)
        elif first in "\"'":
            self.skip(_TEXT)
        else:
            self.skip(_PLAIN)

    def list(self, path: Path, depth: int) -> None:
        self.at += 1
        index = 0
        while True:
            self.skip(_SPACE)
            if self.next() == "]":
                self.at += 1
                return
            if self.next() == ",":
                self.at += 1
                continue
            self.value((*path, index), None, depth + 1)
            index += 1

    def inline_table(self, path: Path, depth: int) -> None:
        self.at += 1
        while True:
            self.skip(_SPACE)
            if self.next() == "}":
                self.at += 1
                return
            if self.next() == ",":
                self.at += 1
                continue
            self.pair(path, depth + 1)
