"""The exit codes of the contract, by example: which facts give which code, and which code wins."""

from __future__ import annotations

import pytest

from test_framework.core.run_state import RunState
from test_framework.core.verdict import Rules, judge
from test_framework.model import facts as f
from test_framework.model.outcome import EXIT_PRECEDENCE, ExitCode, Outcome

pytestmark = pytest.mark.unit

STRICT = Rules(strict_layers=frozenset({"fast"}), must_run=frozenset({"critical"}))


def finished(test: str, outcome: Outcome) -> f.TestFinished:
    return f.TestFinished(
        test=test, attempt=1, outcome=outcome, category="unit", layer="fast", worker="gw0", seconds=0.1
    )


def owed(test: str, layer: str = "fast") -> f.TestOwed:
    return f.TestOwed(test=test, category="unit", layer=layer, reason="because")


def cancel(reason: str, scope: str = "run") -> f.CancelRequested:
    return f.CancelRequested(reason=reason, scope=scope, message=f"said {reason}")


FAST = f.LayerStarted(layer="fast")
BLOCKED = f.LayerFinished(layer="slow", status="blocked", reason="layer fast failed")
PASSED = finished("a", Outcome.PASSED)
FAILED = finished("a", Outcome.FAILED)
SESSION = {status: f.PluginReported(text="", exit_status=status) for status in range(8)}
ALERT = {fails: f.AlertRaised(kind="k", message="alert", fails_run=fails) for fails in (False, True)}


def state(collected: int, *facts: f.Fact, planned: int | None = None) -> RunState:
    found = RunState()
    found.apply(f.RunPlanned(collected=collected, planned=collected if planned is None else planned))
    for fact in facts:
        found.apply(fact, 1.0)
    return found


CASES = {
    "all passed": (ExitCode.OK, 1, [FAST, PASSED]),
    "skipped": (ExitCode.OK, 1, [FAST, finished("a", Outcome.SKIPPED)]),
    "xfailed and xpassed": (
        ExitCode.OK,
        2,
        [FAST, finished("a", Outcome.XFAILED), finished("b", Outcome.XPASSED)],
    ),
    "failed": (ExitCode.FAILED, 1, [FAST, FAILED]),
    "error": (ExitCode.FAILED, 1, [FAST, finished("a", Outcome.ERROR)]),
    "timed out": (ExitCode.FAILED, 1, [FAST, finished("a", Outcome.TIMED_OUT)]),
    "crashed": (ExitCode.FAILED, 1, [FAST, finished("a", Outcome.CRASHED)]),
    "oom": (ExitCode.FAILED, 1, [FAST, finished("a", Outcome.OOM)]),
    "a broken file beside passing tests": (ExitCode.FAILED, 1, [PASSED, f.CollectionFailed(location="b.py")]),
    "a skipped file": (ExitCode.OK, 1, [PASSED, f.CollectionFailed(location="b.py", outcome="skipped")]),
    "errors while collecting": (
        ExitCode.INTERRUPTED,
        1,
        [f.CollectionFailed(location="b.py"), cancel("collection_errors"), owed("a")],
    ),
    "an alert that fails the run": (ExitCode.FAILED, 1, [PASSED, ALERT[True]]),
    "an alert that does not": (ExitCode.OK, 1, [PASSED, ALERT[False]]),
    "a broken sink": (ExitCode.OK, 1, [PASSED, f.SinkFailed(sink="junit", message="disk full")]),
    "interrupted": (ExitCode.INTERRUPTED, 2, [PASSED, cancel("interrupt"), owed("b")]),
    "interrupted twice": (ExitCode.INTERRUPTED, 2, [PASSED, cancel("second_interrupt"), owed("b")]),
    "terminated": (ExitCode.INTERRUPTED, 2, [PASSED, cancel("signal"), owed("b")]),
    "ended by a test": (ExitCode.INTERRUPTED, 2, [PASSED, cancel("test_request"), owed("b")]),
    "interrupted after a failure": (ExitCode.INTERRUPTED, 2, [FAILED, cancel("interrupt"), owed("b")]),
    "internal error wins over all": (
        ExitCode.INTERNAL_ERROR,
        2,
        [FAILED, cancel("internal_error"), owed("b")],
    ),
    "a ledger that does not add up": (ExitCode.INTERNAL_ERROR, 2, [PASSED]),
    "a test without an end": (
        ExitCode.INTERNAL_ERROR,
        1,
        [f.TestStarted(test="a", attempt=1, category="unit", layer="fast", worker="gw0"), owed("a")],
    ),
    "stopped after failures": (ExitCode.FAILED, 2, [FAST, FAILED, cancel("failures"), owed("b")]),
    "lost to the environment": (ExitCode.ENVIRONMENT, 1, [FAST, finished("a", Outcome.LOST), owed("a")]),
    "lost after a failure": (ExitCode.FAILED, 2, [FAILED, finished("b", Outcome.LOST), owed("b")]),
    "owed in a strict layer that ran": (ExitCode.OWED, 2, [FAST, PASSED, owed("b")]),
    "owed in a layer that allows it": (
        ExitCode.OK,
        2,
        [f.LayerStarted(layer="lax"), PASSED, owed("b", "lax")],
    ),
    "owed by what was not chosen": (ExitCode.OK, 2, [FAST, PASSED, owed("b", "never chosen")]),
    "owed in a layer that was blocked": (ExitCode.INCOMPLETE, 2, [FAST, PASSED, BLOCKED, owed("b", "slow")]),
    "budget used up before a must-run test": (
        ExitCode.BUDGET,
        2,
        [FAST, PASSED, cancel("budget"), owed("critical")],
    ),
    "a layer's budget used up before a must-run test": (
        ExitCode.BUDGET,
        2,
        [FAST, PASSED, cancel("budget", "layer:fast"), owed("critical")],
    ),
    "budget used up after the must-run tests": (
        ExitCode.OWED,
        2,
        [FAST, PASSED, cancel("budget"), owed("b")],
    ),
    "a must-run test owed without a budget": (ExitCode.OWED, 2, [FAST, PASSED, owed("critical")]),
    "nothing of the plan was run": (
        ExitCode.INCOMPLETE,
        1,
        [f.LayerStarted(layer="lax"), cancel("budget"), owed("b", "lax")],
    ),
    "no tests": (ExitCode.NO_TESTS, 0, []),
    "no tests and a session that says so": (ExitCode.NO_TESTS, 0, [SESSION[5]]),
    "a session that failed by itself": (ExitCode.FAILED, 1, [PASSED, SESSION[1]]),
    "a session with too many warnings": (ExitCode.WARNINGS, 1, [PASSED, SESSION[6]]),
    "a session with an internal error": (ExitCode.INTERNAL_ERROR, 1, [PASSED, SESSION[3]]),
    "a session that was interrupted": (ExitCode.INTERRUPTED, 1, [PASSED, SESSION[2]]),
    "a session with a status of its own": (ExitCode.FAILED, 1, [PASSED, SESSION[7]]),
    "a session without tests where lanes ran them": (ExitCode.OK, 1, [PASSED, SESSION[5]]),
}


@pytest.mark.parametrize(("code", "collected", "facts"), CASES.values(), ids=list(CASES))
def test_the_facts_give_the_exit_code_of_the_contract(
    code: ExitCode, collected: int, facts: list[f.Fact]
) -> None:
    verdict = judge(state(collected, *facts), STRICT)
    assert verdict.exit_code is code
    assert verdict.green == (code is ExitCode.OK)
    assert bool(verdict.reasons) == (code is not ExitCode.OK)


def test_nothing_chosen_from_a_full_project_is_no_tests() -> None:
    found = state(1, owed("a", "never chosen"), planned=0)
    assert judge(found, STRICT).exit_code is ExitCode.NO_TESTS
    assert judge(found, Rules(no_tests_is_fine=True)).exit_code is ExitCode.OK


def test_a_run_that_ended_before_it_was_planned_is_incomplete() -> None:
    assert judge(RunState(), STRICT).exit_code is ExitCode.INCOMPLETE


def test_what_a_dead_host_left_is_incomplete_unless_it_is_worse() -> None:
    died = Rules(host_died=True)
    running = f.TestStarted(test="b", attempt=1, category="unit", layer="fast", worker="gw0")
    assert judge(state(3, PASSED, running), died).exit_code is ExitCode.INCOMPLETE
    assert judge(state(3, FAILED, running), died).exit_code is ExitCode.FAILED


def test_several_reasons_are_told_and_the_first_by_precedence_gives_the_code() -> None:
    verdict = judge(state(3, FAST, FAILED, cancel("interrupt"), owed("b"), owed("c")), STRICT)
    assert verdict.exit_code is ExitCode.INTERRUPTED
    assert verdict.reasons == ("said interrupt", "1 failed", "2 tests of a layer that ran are still owed")


def test_the_precedence_is_the_contracts() -> None:
    assert EXIT_PRECEDENCE == (3, 2, 1, 12, 13, 11, 10, 14, 6, 5, 4, 0)
    assert set(EXIT_PRECEDENCE) == set(map(int, ExitCode))


@pytest.mark.parametrize(("code", "collected", "facts"), CASES.values(), ids=list(CASES))
def test_legacy_runs_map_ten_and_above_to_one(code: ExitCode, collected: int, facts: list[f.Fact]) -> None:
    legacy = Rules(STRICT.strict_layers, STRICT.must_run, legacy=True)
    expected = ExitCode.FAILED if code >= ExitCode.OWED else code
    assert judge(state(collected, *facts), legacy).exit_code is expected


def test_the_ledger_stands_in_the_verdict() -> None:
    ledger = judge(state(2, FAST, PASSED, owed("b")), STRICT).ledger
    assert (ledger.collected, ledger.executed, ledger.proven, ledger.owed) == (2, 1, 0, 1)
    assert ledger.balances()
