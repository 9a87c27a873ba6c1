"""Plain pytest's reports and our own facts, folded to one word a test under the same names.

Rules: the words are those of `test_framework.model.outcome.Outcome`; a teardown that fails makes a test
that had not failed an error; the last attempt counts; a test that is owed is called by that name, never
left out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from test_framework.model.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

OWED = "owed"

Results = dict[str, tuple[str, ...]]
"""test id -> its outcomes, sorted (more than one only where an id occurs more than once)"""


def fold_reports(reports: Iterable[Mapping[str, Any]]) -> Results:
    """Fold the recorder's lines (`test`, `when`, `outcome`, `wasxfail`); a setup begins an occurrence."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    for report in reports:
        outcomes = found[report["test"]]
        if report["when"] == "setup" or not outcomes:
            outcomes.append(Outcome.PASSED)
        outcomes[-1] = _after_phase(outcomes[-1], report)
    return {test: tuple(sorted(map(str, outcomes))) for test, outcomes in found.items()}


def _after_phase(before: Outcome, report: Mapping[str, Any]) -> Outcome:
    outcome, when, expected = report["outcome"], report["when"], bool(report.get("wasxfail"))
    if outcome == "failed":
        if when == "call":
            return Outcome.FAILED
        return before if before is Outcome.FAILED else Outcome.ERROR
    if outcome == "skipped":
        return Outcome.XFAILED if expected else Outcome.SKIPPED
    if expected and when == "call":
        return Outcome.XPASSED
    return before


def fold_facts(facts: Iterable[Mapping[str, Any]]) -> Results:
    """Fold our own facts (`test.finished`, `test.owed`) of one run."""
    found: Results = {}
    for fact in facts:
        if fact.get("type") == "test.finished":
            found[fact["test"]] = (str(fact["outcome"]),)
        elif fact.get("type") == "test.owed":
            found[fact["test"]] = (OWED,)
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    test: str
    plain: str
    ours: str


def differences(plain: Results, ours: Results) -> list[Difference]:
    """Tests whose outcomes are not the same, in the order of their ids; `missing` where one side has none."""
    return [
        Difference(test, _words(plain.get(test)), _words(ours.get(test)))
        for test in sorted(plain.keys() | ours.keys())
        if plain.get(test) != ours.get(test)
    ]


def _words(outcomes: tuple[str, ...] | None) -> str:
    return "missing" if outcomes is None else ", ".join(outcomes)


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds of the tests of one serial run, all phases of a test added up."""

    total: float
    longest: float
    tests: int


def durations(reports: Sequence[Mapping[str, Any]]) -> Durations:
    """Sum the recorder's `seconds` test by test."""
    by_test: dict[str, float] = defaultdict(float)
    for report in reports:
        by_test[report["test"]] += float(report["seconds"])
    return Durations(sum(by_test.values()), max(by_test.values(), default=0.0), len(by_test))


def decides(report: Mapping[str, Any]) -> bool:
    """Whether this report is the one in which plain pytest shows a test's result."""
    return bool(report["when"] == "call" or (report["when"] == "setup" and report["outcome"] != "passed"))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line. Raises ValueError where a line is not one."""
    return parse_lines(path.read_bytes())


def parse_lines(content: bytes) -> list[dict[str, Any]]:
    objects = [json.loads(line) for line in content.splitlines() if line.strip()]
    if not all(isinstance(each, dict) for each in objects):
        raise ValueError("a line is not a JSON object")
    return objects
