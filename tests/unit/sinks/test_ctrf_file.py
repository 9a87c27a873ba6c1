"""CTRF: what its readers are told adds up to the run's own account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.facts import Stamped
from test_framework.model.outcome import ExitCode, Outcome, Verdict
from test_framework.records.ctrf_reading import read_ctrf
from test_framework.sinks.ctrf import CtrfFile

AT = "2026-01-02T03:04:05.678Z"


def finished(test: str, outcome: Outcome, attempt: int = 1) -> f.TestFinished:
    return f.TestFinished(
        test=test, attempt=attempt, outcome=outcome, category="unit", layer="fast", worker="gw0", seconds=0.25,
        location="t.py:7", message="" if outcome is Outcome.PASSED else "why", detail="trace",
        sections=(("Captured stdout call", "out"), ("Captured stderr call", "err")),
    )  # fmt: skip


def owed(test: str) -> f.TestOwed:
    return f.TestOwed(test=test, category="unit", layer="fast", reason="no time")


def proven(test: str) -> f.CacheHit:
    return f.CacheHit(test=test, category="unit", layer="fast", proven_by="r0", outcome=Outcome.PASSED)


def report(path: Path, *facts: f.Fact) -> tuple[dict[str, Any], RunState]:
    sink, state = CtrfFile(path), RunState(run="r1")
    for number, fact in enumerate(facts):
        state.apply(fact, float(number))
        sink.handle(Stamped(number, AT, float(number), "r1", fact), state)
    sink.close(state, Verdict(ExitCode.FAILED, ("1 failed",), state.ledger()))
    return json.loads(path.read_bytes())["results"], state


def test_each_test_is_told_once_with_what_helps_to_mend_it(tmp_path: Path) -> None:
    results, _ = report(
        tmp_path / "new" / "ctrf.json",
        finished("a/t.py::C::test_x[1::2]", Outcome.FAILED),
        finished("a/t.py::test_y", Outcome.FAILED),
        finished("a/t.py::test_y", Outcome.PASSED, attempt=2),
        proven("b.py::p"),
        owed("b.py::o"),
    )
    by_name = {test["name"]: test for test in results["tests"]}
    failed = by_name["a/t.py::C::test_x[1::2]"]
    assert (failed["status"], failed["rawStatus"], failed["duration"], failed["line"]) == (
        "failed",
        "failed",
        250,
        7,
    )
    assert (failed["message"], failed["trace"], failed["stdout"], failed["stderr"]) == (
        "why",
        "trace",
        ["out"],
        ["err"],
    )
    assert failed["filePath"] == "a/t.py"
    assert (by_name["a/t.py::test_y"]["retries"], by_name["a/t.py::test_y"]["flaky"]) == (1, True)
    assert (by_name["b.py::p"]["status"], by_name["b.py::p"]["rawStatus"]) == ("skipped", "proven")
    assert (by_name["b.py::o"]["status"], by_name["b.py::o"]["message"]) == ("pending", "no time")
    assert results["summary"]["tests"] == 4
    assert results["summary"]["flaky"] == 1
    assert results["summary"]["start"] == 0


facts_of_a_test = st.sampled_from(list(Outcome))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(facts_of_a_test, min_size=1, max_size=3), max_size=8),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_its_counts_are_the_ledger_s(
    tmp_path: Path, attempts: list[list[Outcome]], proven_ones: int, owed_ones: int
) -> None:
    said: list[f.Fact] = [f.RunPlanned(collected=len(attempts) + proven_ones + owed_ones)]
    for number, outcomes in enumerate(attempts):
        said += [finished(f"t.py::{number}", outcome, place + 1) for place, outcome in enumerate(outcomes)]
    said += [proven(f"p.py::{number}") for number in range(proven_ones)]
    said += [owed(f"o.py::{number}") for number in range(owed_ones)]
    results, state = report(tmp_path / "ctrf.json", *said)
    raw = [test["rawStatus"] for test in results["tests"]]
    assert raw.count("proven") == state.proven
    assert raw.count("owed") == owed_ones
    told = [each for each in raw if each not in ("proven", "owed", "lost", "not_run")]
    assert len(told) == state.executed
    assert sum(
        results["summary"][status] for status in ("passed", "failed", "pending", "skipped", "other")
    ) == len(raw)
    assert results["summary"]["failed"] == state.bad


def test_our_own_reader_understands_it(tmp_path: Path) -> None:
    report(
        tmp_path / "ctrf.json", finished("t.py::a", Outcome.PASSED), finished("t.py::b", Outcome.TIMED_OUT)
    )
    found = read_ctrf((tmp_path / "ctrf.json").read_bytes())
    assert found.runner == "netra-apex"
    assert [(case.name, case.outcome) for case in found.cases] == [
        ("t.py::a", Outcome.PASSED), ("t.py::b", Outcome.FAILED),
    ]  # fmt: skip


def test_a_place_that_cannot_be_written_is_known_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sink, state = CtrfFile(tmp_path / "file" / "ctrf.json"), RunState()
    started = f.RunStarted(
        apex_version="1", project_root="/", mode="paths", environment="test", interpreter="python"
    )
    with pytest.raises(OSError, match="Not a directory"):
        sink.handle(Stamped(0, AT, 0.0, "r1", started), state)
