"""YAML read safely: plain data and positions, or mistakes; no input makes it raise or take long.

Rules: YAML 1.2 core words (`true`, `false`, `null`, numbers; `yes`, `on` and `1:30` are text); keys are text
as written; no tags, no duplicate keys, one document, a mapping at the top, at most 1 MiB, 20 levels and
100,000 values. Aliases and `<<` work, counted as if written out; one that refers to itself is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from test_framework.configuration.documents import (
    MAX_DEPTH,
    MAX_VALUES,
    Aim,
    Document,
    Position,
    decoded,
)
from test_framework.configuration.mistakes import Mistake, Path, described, quoted, written

if TYPE_CHECKING:
    from collections.abc import Callable

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMBER_START = frozenset("0123456789+-.")
_LONGEST_NUMBER = 40

Marks: TypeAlias = "tuple[int, int, dict[str | int, tuple[int, int, Marks]]]"
"""Line and column of a value, and for each child its key's line and column and its own marks."""


class _StopError(Exception):
    """Reading cannot go on; the mistake is already noted."""


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read."""

    data: Any
    marks: Marks
    anchor: str | None
    first: int
    """how many values had been counted when it began"""
    key: tuple[str, int, int] | None = None
    merged: list[tuple[dict[str, Any], Marks]] = field(default_factory=list)
    deepest: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    data: Any
    marks: Marks
    values: int
    depth: int


def read_yaml(name: str, raw: bytes, loader: Any = _LOADER) -> Document:
    """The document of a YAML file's bytes; what is wrong stands in its `mistakes`."""
    text, mistake = decoded(name, raw)
    if mistake is not None:
        return Document(name, mistakes=[mistake])
    reading = _Reading(name)
    try:
        parser = loader(text)
        while not isinstance(event := parser.get_event(), yaml.StreamEndEvent):
            reading.take(event)
    except _StopError:
        pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reading.wrong(*position, (), _syntax(error, text, position))
    except yaml.YAMLError as error:
        reading.wrong(1, 1, (), f"not valid YAML: {' '.join(str(error).split())[:200]}")
    return reading.document()


def _syntax(error: yaml.MarkedYAMLError, text: str, position: Position) -> str:
    lines = text.split("\n")
    line = lines[position[0] - 1] if position[0] <= len(lines) else ""
    if line[position[1] - 1 :].startswith("\t"):
        return "not valid YAML: a tab cannot indent or begin a value, use spaces"
    return f"not valid YAML: {' '.join((error.problem or error.context or 'cannot be read').split())}"


class _Reading:
    """Builds data and marks from the parser's events, without recursion."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mistakes: list[Mistake] = []
        self.stack: list[_Open] = []
        self.anchored: dict[str, _Anchored] = {}
        self.values = 0
        self.documents = 0
        self.root: Any = None
        self.root_marks: Marks = (1, 1, {})
        self.takers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self.take_scalar,
            yaml.MappingStartEvent: self.open,
            yaml.SequenceStartEvent: self.open,
            yaml.MappingEndEvent: self.close,
            yaml.SequenceEndEvent: self.close,
            yaml.AliasEvent: self.take_alias,
            yaml.DocumentStartEvent: self.begin_document,
        }

    def wrong(self, line: int, column: int, path: Path, text: str) -> None:
        self.mistakes.append(Mistake(self.name, line, column, written(path), text))

    def document(self) -> Document:
        if isinstance(self.root, dict):
            return Document(self.name, self.root, self.locate, self.mistakes)
        if not self.mistakes:
            line, column, _ = self.root_marks
            empty = self.root is None
            found = "is empty" if empty else f"holds {described(self.root)}"
            self.wrong(line, column, (), f"{found}, expected a mapping such as 'layers:'")
        return Document(self.name, mistakes=self.mistakes)

    def locate(self, path: Path, aim: Aim) -> Position:
        line, column, children = self.root_marks
        key = (line, column)
        for part in path:
            child = children.get(part)
            if child is None:
                return line, column
            key = child[:2]
            line, column, children = child[2]
        return key if aim == "key" else (line, column)

    def take(self, event: Any) -> None:
        taken = self.takers.get(type(event))
        if taken is not None:
            taken(event)

    def begin_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.stop(event, "a second document begins here, keep one document per file")

    def check_tag(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            mark = event.start_mark
            text = f"the tag {quoted(event.tag)} is not allowed, write the plain value"
            self.wrong(mark.line + 1, mark.column + 1, self.path(), text)

    def path(self) -> Path:
        """Where the next value will stand."""
        return tuple(step for step in map(self.step, self.stack) if step is not None)

    def path_of_open(self) -> Path:
        """Where the innermost open list or mapping stands."""
        return tuple(step for step in map(self.step, self.stack[:-1]) if step is not None)

    @staticmethod
    def step(here: _Open) -> str | int | None:
        if isinstance(here.data, list):
            return len(here.data)
        return here.key[0] if here.key else None

    def stop(self, event: Any, text: str) -> None:
        self.wrong(event.start_mark.line + 1, event.start_mark.column + 1, self.path(), text)
        raise _StopError

    def wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].data, dict) and self.stack[-1].key is None

    def count(self, event: Any, values: int = 1) -> None:
        self.values += values
        if self.values > MAX_VALUES:
            self.stop(event, f"more than {MAX_VALUES:,} values (aliases counted as written out)")

    def take_scalar(self, event: Any) -> None:
        if event.tag is not None:
            self.check_tag(event)
        mark, text = event.start_mark, event.value
        line, column = mark.line + 1, mark.column + 1
        here = self.stack[-1] if self.stack else None
        if here is not None and here.key is None and isinstance(here.data, dict):
            self.take_key(text, line, column)
            if event.anchor is not None:
                self.anchored[event.anchor] = _Anchored(text, (line, column, {}), 1, 0)
            return
        self.count(event)
        is_plain = not event.style and event.tag is None
        value = self.resolve(text, line, column) if is_plain else text
        marks: Marks = (line, column, {})
        if event.anchor is not None:
            self.anchored[event.anchor] = _Anchored(value, marks, 1, 0)
        self.put(value, marks)

    def resolve(self, text: str, line: int, column: int) -> Any:
        """The value of an unquoted scalar by YAML 1.2's core schema."""
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if text[0] not in _NUMBER_START:
            return text
        if _NOT_FINITE.fullmatch(text):
            self.wrong(line, column, self.path(), f"{text} is not a finite number, write a plain number")
            return None
        integer = _INTEGER.fullmatch(text)
        if not (integer or _OCTAL_OR_HEX.fullmatch(text) or _FLOAT.fullmatch(text)):
            return text
        number: float = 0
        if len(text) <= _LONGEST_NUMBER:
            if integer:
                return int(text)
            if text[:2] in ("0o", "0x"):
                return int(text, 0)
            number = float(text)
        if len(text) > _LONGEST_NUMBER or number in (float("inf"), float("-inf")):
            self.wrong(line, column, self.path(), "the number is too large or too long")
            return None
        return number

    def take_key(self, key: str, line: int, column: int) -> None:
        here = self.stack[-1]
        if not key:
            self.wrong(line, column, self.path_of_open(), "an empty key, give it a name")
        here.key = (key, line, column)

    def open(self, event: Any) -> None:
        if event.tag is not None:
            self.check_tag(event)
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if self.wants_key():
            self.stop(event, "a list or mapping cannot be a key, write a word")
        self.count(event)
        if len(self.stack) >= MAX_DEPTH:
            self.stop(event, f"nested deeper than {MAX_DEPTH} levels")
        data: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        if event.anchor is not None:
            self.anchored.pop(event.anchor, None)
        self.stack.append(_Open(data, (line, column, {}), event.anchor, self.values))

    def close(self, _: Any) -> None:
        here = self.stack.pop()
        for data, marks in here.merged:
            for key, value in data.items():
                if key not in here.data:
                    here.data[key] = value
                    here.marks[2][key] = marks[2][key]
        if here.anchor is not None:
            size = self.values - here.first + 1
            self.anchored[here.anchor] = _Anchored(here.data, here.marks, size, here.deepest)
        if self.stack:
            self.stack[-1].deepest = max(self.stack[-1].deepest, here.deepest + 1)
        self.put(here.data, here.marks)

    def take_alias(self, event: Any) -> None:
        if any(open_.anchor == event.anchor for open_ in self.stack):
            self.stop(event, f"the alias *{event.anchor} refers to itself")
        target = self.anchored.get(event.anchor)
        if target is None:
            self.stop(event, f"the alias *{event.anchor} has no anchor &{event.anchor} before it")
            return
        if self.wants_key():
            self.stop(event, "an alias cannot be a key, write the word")
        self.count(event, target.values)
        if len(self.stack) + target.depth > MAX_DEPTH:
            self.stop(event, f"nested deeper than {MAX_DEPTH} levels")
        if self.stack:
            self.stack[-1].deepest = max(self.stack[-1].deepest, target.depth + 1)
        self.put(target.data, (event.start_mark.line + 1, event.start_mark.column + 1, target.marks[2]))

    def put(self, value: Any, marks: Marks) -> None:
        """Hand a finished value to what it belongs to."""
        if not self.stack:
            self.root, self.root_marks = value, marks
            return
        here = self.stack[-1]
        if isinstance(here.data, list):
            here.marks[2][len(here.data)] = (marks[0], marks[1], marks)
            here.data.append(value)
            return
        key, line, column = here.key or ("", marks[0], marks[1])
        if key == "<<":
            self.merge(here, value, marks)
        elif key in here.data:
            first = here.marks[2][key]
            text = f"the key is given twice (first in line {first[0]}), keep one"
            self.wrong(line, column, (*self.path_of_open(), key), text)
        else:
            here.data[key] = value
            here.marks[2][key] = (line, column, marks)
        here.key = None

    def merge(self, here: _Open, value: Any, marks: Marks) -> None:
        if isinstance(value, dict):
            here.merged.append((value, marks))
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            here.merged += [(item, marks[2][index][2]) for index, item in enumerate(value)]
        else:
            text = f"<< takes a mapping or a list of mappings, found {described(value)}"
            self.wrong(marks[0], marks[1], self.path_of_open(), text)
