"""What a run with a planted fault is taken to say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.mutations import read_reports, upper_bound


def report(test: str, when: str, outcome: str = "passed") -> str:
    return json.dumps({"test": test, "when": when, "outcome": outcome})


def whole(test: str, call: str = "passed") -> list[str]:
    return [
        report(test, "start"),
        report(test, "setup"),
        report(test, "call", call),
        report(test, "teardown"),
    ]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    file = tmp_path / "reports.jsonl"
    file.write_text(
        "\n".join([*whole("a"), *whole("b", "failed"), report("c", "start"), report("c", "setup")]) + "\n"
    )
    return file


def test_a_test_that_began_and_never_ended_is_bad(record: Path) -> None:
    ended = read_reports(record, by_itself=False)
    assert (ended.good, ended.bad) == ({"a"}, {"b", "c"})


def test_what_was_never_reported_fails_only_where_the_run_came_to_its_end(record: Path) -> None:
    tests = frozenset("abcd")
    assert read_reports(record, by_itself=True).fails(tests) == {"b", "c", "d"}
    assert read_reports(record, by_itself=False).fails(tests) == {"b", "c"}


def test_without_a_miss_the_rate_is_bounded_by_three_over_the_trials() -> None:
    assert upper_bound(0, 60) == 0.05
    assert upper_bound(0, 0) is None
    assert upper_bound(1, 60) is None
