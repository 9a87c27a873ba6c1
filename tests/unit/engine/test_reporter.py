"""One outcome a test, from the reports of its phases."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from test_framework.engine.inside.reporter import Fold

pytestmark = pytest.mark.unit


def outcome(*phases: tuple[str, str], **of_call: Any) -> tuple[str, str]:
    """(outcome, phase) of a test whose reports say (when, outcome); `of_call`: what the call's report says beside."""
    fold = Fold(0)
    for when, result in phases:
        more = of_call if when == "call" else {}
        report = SimpleNamespace(
            when=when, outcome=result, sections=[], user_properties=[], longrepr=None, **more
        )
        fold.add(report, is_subtest=False)
    line = json.loads(fold.lines().splitlines()[-1])
    return ("passed", "") if line[0] == "p" else (line[3]["outcome"], line[3].get("phase", ""))


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ("setup passed, call passed, teardown passed", ("passed", "")),
        ("setup failed, teardown passed", ("error", "setup")),
        ("setup passed, call failed, teardown passed", ("failed", "call")),
        ("setup passed, call failed, teardown failed", ("failed", "call")),
        ("setup passed, call passed, teardown failed", ("error", "teardown")),
        ("setup skipped, teardown passed", ("skipped", "setup")),
        ("setup passed, call skipped, teardown passed", ("skipped", "call")),
        ("setup passed, call rerun, setup passed, call passed, teardown passed", ("passed", "")),
        ("setup passed, call rerun, setup passed, call failed, teardown passed", ("failed", "call")),
        ("??? failed", ("failed", "call")),
        ("setup passed, ??? failed, teardown passed", ("failed", "call")),
    ],
)
def test_the_outcome_is_the_one_that_pytest_counts(phases: str, expected: tuple[str, str]) -> None:
    reports = [tuple(phase.split(" ")) for phase in phases.split(", ")]
    assert outcome(*reports) == expected  # type: ignore[arg-type]


def test_an_expected_failure_is_no_failure() -> None:
    assert outcome(("setup", "passed"), ("call", "skipped"), wasxfail="because")[0] == "xfailed"
    assert outcome(("setup", "passed"), ("call", "passed"), wasxfail="because")[0] == "xpassed"


def test_a_test_without_reports_is_an_error() -> None:
    assert outcome() == ("error", "")
    assert outcome(("call", "rerun")) == ("error", "")
