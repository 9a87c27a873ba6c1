"""Reads JUnit XML of any runner: pytest's, Surefire's with its retries, jest-junit's, ...

Rules: expat, piece by piece; a document type or an entity of its own is refused (nothing is expanded, nothing is
fetched); elements that are not known are passed over; a file that ends too early is an error.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pyexpat import ExpatError, ParserCreate
from typing import BinaryIO

from test_framework.model.outcome import Outcome
from test_framework.records.foreign_results import MOST_CASES, Case, Foreign, ForeignError

_PIECE = 1 << 16
_DEEPEST = 64
_MOST_TEXT = 20_000
_RESULTS = {
    "failure": Outcome.FAILED,
    "error": Outcome.ERROR,
    "skipped": Outcome.SKIPPED,
}
_EARLIER = {
    "flakyFailure": Outcome.FAILED,
    "flakyError": Outcome.ERROR,
    "rerunFailure": Outcome.FAILED,
    "rerunError": Outcome.ERROR,
}
_WORSE = {Outcome.PASSED: 0, Outcome.SKIPPED: 1, Outcome.XFAILED: 1, Outcome.FAILED: 2, Outcome.ERROR: 3}


def read_junit(stream: BinaryIO) -> Foreign:
    """The cases of a JUnit file. Raises `ForeignError`."""
    reader = _Reader()
    try:
        while piece := stream.read(_PIECE):
            reader.parser.Parse(piece, False)
        reader.parser.Parse(b"", True)
    except ExpatError as error:
        raise ForeignError(f"no well-formed XML: {error}") from None
    if not reader.is_junit:
        raise ForeignError("no JUnit XML: its first element is neither testsuites nor testsuite")
    return reader.found


class _Reader:
    """Hears what expat finds and keeps the cases."""

    def __init__(self) -> None:
        self.found = Foreign("junit")
        self.is_junit = False
        self._depth = 0
        self._suites: list[dict[str, str]] = []
        self._case: Case | None = None
        self._text: list[str] | None = None
        self._length = 0
        self.parser = parser = ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def _refuse(self, *_: object) -> None:
        raise ForeignError("it declares a document type or entities, which results never need")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ForeignError(f"its elements are nested more than {_DEEPEST} deep")
        if self._depth == 1:
            self.is_junit = name in ("testsuites", "testsuite")
        if name in ("testsuites", "testsuite"):
            self._suites.append(attributes)
            if not self.found.began:
                self.found.began = _time(attributes.get("timestamp", ""))
        elif name == "testcase":
            self._begin_case(attributes)
        elif self._case is not None:
            self._result(self._case, name, attributes)

    def _begin_case(self, attributes: dict[str, str]) -> None:
        if len(self.found.cases) >= MOST_CASES:
            raise ForeignError(f"it holds more than {MOST_CASES} cases")
        suite = self._suites[-1] if self._suites else {}
        self._case = Case(
            name=attributes.get("name", ""),
            classname=attributes.get("classname", ""),
            file=attributes.get("file") or suite.get("file", ""),
            suite=tuple(each["name"] for each in self._suites if each.get("name")),
            seconds=seconds_of(attributes.get("time")),
        )

    def _result(self, case: Case, name: str, attributes: dict[str, str]) -> None:
        if name in _EARLIER:
            case.earlier.append((_EARLIER[name], attributes.get("message", "")))
            return
        outcome = _RESULTS.get(name)
        if outcome is None:
            return
        if outcome is Outcome.SKIPPED and "xfail" in attributes.get("type", ""):
            outcome = Outcome.XFAILED
        if _WORSE[outcome] > _WORSE[case.outcome]:
            case.outcome, case.message = outcome, attributes.get("message", "")
            self._text, self._length = [], 0

    def _characters(self, text: str) -> None:
        if self._text is not None and self._length < _MOST_TEXT:
            self._text.append(text)
            self._length += len(text)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name in ("testsuites", "testsuite"):
            self._suites.pop()
        elif name == "testcase" and self._case is not None:
            self.found.cases.append(self._case)
            self._case = self._text = None
        elif name in _RESULTS and self._text is not None and self._case is not None:
            self._case.detail = "".join(self._text)[:_MOST_TEXT]
            self._text = None


def seconds_of(text: str | None) -> float | None:
    """A duration as runners write it (`1,234.5` too); None where there is none or it is no duration."""
    try:
        value = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return value if 0.0 <= value < 1e7 else None


def _time(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
