"""To which one category a collected test belongs.

Rules, the first that says something decides: (1) a marker of the test that is a category's name or one of its
`markers`; (2) a category's `paths` (the longest pattern that matches), then its `keywords`; (3) the innermost
directory of the test's file that bears a category's name (never the file's own name); (4) `unit`. Where
several categories claim a test in (1) or by keyword, the more urgent one wins, then the catalogue's order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from test_framework.core.names import PRIORITIES
from test_framework.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from test_framework.model.plan import TestInfo

FALLBACK = "unit"
_GLOB = re.compile(r"(\*\*/|\*\*|\*|\?)")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Classifier:
    """Classifies the tests of one run; remembers what it found out for directories and markers."""

    def __init__(self, settings: Settings) -> None:
        catalogue = settings.categories
        urgent = sorted(catalogue, key=lambda name: PRIORITIES.index(catalogue[name].priority))
        self._names = frozenset(catalogue)
        self._by_mark: dict[str, int] = {}
        self._urgent = urgent
        for rank, name in enumerate(urgent):
            for mark in (name, *catalogue[name].markers):
                self._by_mark[mark] = min(rank, self._by_mark.get(mark, rank))
        self._marks = frozenset(self._by_mark)
        self._paths = _patterns((name, pattern) for name in urgent for pattern in catalogue[name].paths)
        claims = [(name, catalogue[name].keywords) for name in urgent if catalogue[name].keywords]
        self._keywords = [(name, _words(keywords)) for name, keywords in claims]
        self._of_place: dict[tuple[str, frozenset[str]], str | None] = {}
        self._of_directory: dict[str, str] = {}

    def category_of(self, test: TestInfo) -> str:
        return self.classify(test.marks, test.file, test.id)

    def classify(self, marks: frozenset[str], file: str, test_id: str = "") -> str:
        """The category's name. `file` is a POSIX path relative to the project root, `test_id` a node id.

        Keywords are looked for in the file's name and in the names after `::`, parameters left out.
        """
        place = file if self._paths else file.rpartition("/")[0]
        known = self._marks & marks
        key = (place, known)
        try:
            found = self._of_place[key]
        except KeyError:
            found = self._of_place[key] = self._decide(known, file)
        if found is not None:
            return found
        if self._keywords:
            by_keyword = self._by_keyword(file, test_id)
            if by_keyword is not None:
                return by_keyword
        return self._by_directory(file.rpartition("/")[0])

    def _decide(self, known: frozenset[str], file: str) -> str | None:
        """The category by marker or path; None leaves it to keywords and directories."""
        if known:
            return self._urgent[min(self._by_mark[mark] for mark in known)]
        for matches, name in self._paths:
            if matches(file):
                return name
        return None if self._keywords else self._by_directory(file.rpartition("/")[0])

    def _by_keyword(self, file: str, test_id: str) -> str | None:
        names = test_id.partition("[")[0].partition("::")[2]
        text = _HUMP.sub("_", f"{file.rpartition('/')[2].partition('.')[0]}::{names}").lower()
        for name, pattern in self._keywords:
            if pattern.search(text):
                return name
        return None

    def _by_directory(self, directory: str) -> str:
        found = self._of_directory.get(directory)
        if found is None:
            parts = reversed(directory.split("/"))
            found = next((part for part in parts if part in self._names), FALLBACK)
            self._of_directory[directory] = found
        return found


def _patterns(pairs: Iterable[tuple[str, str]]) -> list[tuple[Callable[[str], object], str]]:
    """Matchers of path patterns (globs, directories or files), the longest pattern first."""
    ordered = sorted(pairs, key=lambda pair: -len(pair[1]))
    return [(re.compile(_expression(pattern)).match, name) for name, pattern in ordered]


def _expression(pattern: str) -> str:
    """`*` and `?` stay within a path component, `**/` spans any number; what lies below a match matches."""
    expression = ""
    for piece in _GLOB.split(pattern.removeprefix("./").rstrip("/")):
        match piece:
            case "**/":
                expression += "(?:[^/]+/)*"
            case "**":
                expression += ".*"
            case "*":
                expression += "[^/]*"
            case "?":
                expression += "[^/]"
            case _:
                expression += re.escape(piece)
    return expression + r"(?:/.*)?\Z"


def _words(keywords: Iterable[str]) -> re.Pattern[str]:
    """Matches any of the keywords as whole words of names such as test_db_insert or TestDbInsert."""
    alternatives = "|".join(re.escape(_HUMP.sub("_", keyword).lower()) for keyword in keywords)
    return re.compile(rf"(?<![a-z0-9])(?:{alternatives})(?![a-z0-9])")
