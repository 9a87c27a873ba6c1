"""Words and globs that pick tests, as data: no regular expression of a user's is ever compiled, no shell asked.

Rules: case does not matter; in a glob `*` stands for any text and `?` for one character, every other character for
itself (brackets too: they belong to parameters). Matching takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from test_framework.model.plan import TestInfo

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def text_matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text holds the pattern anywhere: a plain part of it, or a glob."""
    pieces = [piece for piece in pattern.lower().split("*") if piece]
    searches = [re.compile(".".join(map(re.escape, piece.split("?"))), re.DOTALL).search for piece in pieces]

    def matches(text: str) -> bool:
        text, at = text.lower(), 0
        for search in searches:
            found = search(text, at)  # the leftmost place leaves most for what follows
            if found is None:
                return False
            at = found.end()
        return True

    return matches


def filter_matcher(patterns: Iterable[str]) -> Callable[[TestInfo], bool]:
    """Whether one of a filter's patterns says a test: a bare word, or a glob that holds for a part of its id.

    A bare word is a component of the test's path (a file with or without its ending), a marker, or a whole word of
    its names.
    """
    globs = [text_matcher(pattern) for pattern in patterns if "*" in pattern or "?" in pattern]
    words = {pattern.lower() for pattern in patterns if "*" not in pattern and "?" not in pattern}

    def matches(test: TestInfo) -> bool:
        if words and not words.isdisjoint(_words_of(test)):
            return True
        return any(glob(test.id) for glob in globs)

    return matches


def _words_of(test: TestInfo) -> set[str]:
    components = test.file.lower().split("/")
    names = test.id.partition("[")[0].partition("::")[2].replace("::", "/")
    words = {word.lower() for word in re.split(r"[\W_]+", _HUMP.sub("_", names))}
    found = {*components, components[-1].removesuffix(".py"), *words, *names.lower().split("/")}
    return found.union(mark.lower() for mark in test.marks)
