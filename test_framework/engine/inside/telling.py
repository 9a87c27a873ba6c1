"""What pytest's reports say, in words: the one line and the whole text of why a test is not a plain pass.

Rules: reports are only read; a report that cannot be shown is said to be so, it never breaks a lane.
"""

from __future__ import annotations

import io
from typing import Any

MOST_MESSAGE = 1000
"""characters of the one line"""


def cap(text: str, most: int) -> str:
    """Head and tail of a long text with the number of characters dropped between them."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters dropped ...\n{text[-half:]}"


def describe(report: Any) -> tuple[str, str]:
    """(one line, whole text) of why a report is not a plain pass."""
    longrepr = getattr(report, "longrepr", None)
    if longrepr is None:
        return "", ""
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        text = str(longrepr[2])
        return text.removeprefix("Skipped: "), text
    text = _whole_text(report)
    return _one_line(longrepr, text), text


def _whole_text(report: Any) -> str:
    """As pytest prints it (`report.longreprtext` would strip the first line's indentation)."""
    try:
        from _pytest._io import TerminalWriter
    except ImportError:
        return str(report.longreprtext)
    file = io.StringIO()
    writer = TerminalWriter(file)
    writer.hasmarkup = False
    try:
        report.toterminal(writer)
    except Exception as problem:
        return f"{file.getvalue()}\n<the report cannot be shown: {problem!r}>"
    return file.getvalue().strip("\n").rstrip()


def _one_line(longrepr: Any, text: str) -> str:
    crash = getattr(longrepr, "reprcrash", None)
    message = getattr(crash, "message", None) or getattr(longrepr, "errorstring", None)
    if not message:
        message = _last_exception(text)
    return str(message).strip().split("\n", 1)[0][:MOST_MESSAGE]


def _last_exception(text: str) -> str:
    """The first line of the last block of pytest's `E` lines; without any, the last line."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = ""
    before = False
    for line in lines:
        marked = line.startswith("E  ")
        if marked and not before:
            found = line[1:]
        before = marked
    return found or (lines[-1] if lines else "")


class Warnings:
    """The warnings of a lane, told with the test that gave them.

    What more than `MOST_TESTS` tests give is from then on only counted, and told at the end.
    """

    MOST_TESTS = 200

    def __init__(self) -> None:
        self._fresh: dict[tuple[str, ...], tuple[list[str], int]] = {}
        self._later: dict[tuple[str, ...], tuple[list[str], int]] = {}
        self._tests: dict[tuple[str, ...], int] = {}

    def hear(self, row: list[str]) -> None:
        """[category, message, when, test, location]"""
        kind = (row[0], row[1], row[4])
        if self._tests.get(kind, 0) >= self.MOST_TESTS:
            first, count = self._later.get(kind, (row, 0))
            self._later[kind] = (first, count + 1)
        else:
            first, count = self._fresh.get((*kind, row[3]), (row, 0))
            self._fresh[(*kind, row[3])] = (first, count + 1)

    def fresh(self) -> list[tuple[list[str], int]]:
        """(row, count) of what was heard since this was last asked."""
        if not self._fresh:
            return []
        told = list(self._fresh.values())
        self._fresh.clear()
        for row, _ in told:
            kind = (row[0], row[1], row[4])
            self._tests[kind] = self._tests.get(kind, 0) + 1
        return told

    def rest(self) -> list[tuple[list[str], int]]:
        """Everything that is not told yet."""
        told = [*self.fresh(), *self._later.values()]
        self._later.clear()
        return told
