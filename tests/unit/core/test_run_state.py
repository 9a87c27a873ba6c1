"""The fold counts as it goes, and what it counts is what a recount would find."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN, Outcome, StopReason
from tests.unit.core.budget import examples

pytestmark = pytest.mark.unit


def started(test: str, worker: str = "gw0") -> f.TestStarted:
    return f.TestStarted(test=test, attempt=1, category="unit", layer="fast", worker=worker)


def finished(
    test: str, outcome: Outcome = Outcome.PASSED, attempt: int = 1, **more: object
) -> f.TestFinished:
    return f.TestFinished(
        test=test,
        attempt=attempt,
        outcome=outcome,
        category="unit",
        layer="fast",
        worker="gw0",
        seconds=0.1,
        **more,  # type: ignore[arg-type]
    )


def owed(test: str, reason: str = "budget") -> f.TestOwed:
    return f.TestOwed(test=test, category="unit", layer="fast", reason=reason)


def opened() -> RunState:
    state = RunState()
    state.apply(f.RunPlanned(collected=3, planned=3), 0.0)
    state.apply(f.LayerStarted(layer="fast", name="Fast Feedback", tests=3, budget_seconds=120.0), 1.0)
    state.apply(f.CategoryStarted(category="unit", layer="fast", tests=3), 1.5)
    return state


attempts = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([*Outcome, None])), max_size=25)


@examples()
@given(attempts)
def test_counters_agree_with_a_recount(rows: list[tuple[str, Outcome | None]]) -> None:
    state, latest, debts, seen = opened(), dict[str, Outcome](), set[str](), Counter[str]()
    for test, outcome in rows:
        if outcome is None:
            if latest.get(test, Outcome.LOST) in UNPROVEN:
                state.apply(owed(test))
                debts.add(test)
            continue
        seen[test] += 1
        state.apply(finished(test, outcome, attempt=seen[test]))
        if outcome not in UNPROVEN or latest.get(test, outcome) in UNPROVEN:
            latest[test] = outcome  # an attempt that says nothing takes nothing back
        if outcome not in UNPROVEN:
            debts.discard(test)
    bad = {test for test, outcome in latest.items() if outcome in BAD}
    decided = [test for test, outcome in latest.items() if outcome not in UNPROVEN]
    assert state.final == latest
    assert +state.outcomes == Counter(latest.values())
    assert set(state.failures) == bad
    assert state.bad == len(bad)
    assert state.executed == len(decided)
    assert set(state.owed) == debts
    for progress in (state.layers["fast"], state.categories["fast", "unit"]):
        assert (progress.done, progress.bad, progress.owed) == (len(decided), len(bad), len(debts))
    assert state.owed_in_layers["fast"] == len(debts)


def test_layers_and_categories_show_how_far_they_are() -> None:
    state = opened()
    layer, category = state.layers["fast"], state.categories["fast", "unit"]
    assert (layer.name, layer.status, layer.tests, layer.started_at) == ("Fast Feedback", "running", 3, 1.0)
    assert layer.budget_seconds == 120.0
    assert category.started_at == 1.5
    state.apply(f.CategoryFinished(category="unit", layer="fast", status="passed", seconds=2.0), 3.5)
    state.apply(f.LayerFinished(layer="fast", status="failed", reason="1 failed", seconds=2.5), 3.5)
    assert (category.status, category.seconds) == ("passed", 2.0)
    assert (layer.status, layer.reason, layer.seconds) == ("failed", "1 failed", 2.5)
    assert state.elapsed == 3.5


def test_a_test_runs_from_its_start_to_its_end_or_the_loss_of_its_worker() -> None:
    state = opened()
    state.apply(f.WorkerStarted(worker="gw0", generation=1, pid=10), 1.0)
    state.apply(started("a"), 2.0)
    state.apply(started("b", "gw1"), 2.5)
    assert state.running == {"gw0": ("a", 2.0), "gw1": ("b", 2.5)}
    state.apply(finished("a"), 3.0)
    assert state.running == {"gw1": ("b", 2.5)}
    state.apply(f.WorkerLost(worker="gw1", generation=1, reason="killed by SIGSEGV", test="b"), 3.0)
    assert state.running == {}
    assert (state.workers, state.workers_lost) == ({"gw0": 1}, 1)


def test_a_pass_after_a_failure_is_flaky_and_no_failure_any_more() -> None:
    state = opened()
    state.apply(finished("a", Outcome.FAILED))
    state.apply(finished("a", Outcome.PASSED, attempt=2))
    assert state.flaky == {"a"}
    assert state.bad == 0
    assert state.attempts == {"a": 2}
    assert state.executed == 1


def test_the_reason_to_stop_never_falls_and_scopes_do_not_stop_the_run() -> None:
    state = opened()
    state.apply(f.CancelRequested(reason="failures", scope="layer:fast", message="one layer"))
    assert state.stop is None
    state.apply(f.CancelRequested(reason="interrupt", message="first"))
    state.apply(f.CancelRequested(reason="budget", message="later, but lower"))
    assert state.stop is StopReason.INTERRUPT
    assert state.stop_message == "first"
    state.apply(f.CancelRequested(reason="second_interrupt", message="second"))
    assert state.stop is StopReason.SECOND_INTERRUPT
    assert len(state.cancels) == 4


def test_the_first_reason_of_a_debt_stands() -> None:
    state = opened()
    state.apply(owed("a", "first"))
    state.apply(owed("a", "second"))
    assert state.owed == {"a": "first"}
    assert state.ledger().owed == 1


def test_rare_facts_are_kept() -> None:
    state = opened()
    subtest = f.SubtestFinished(test="a", attempt=1, description="i=1", outcome=Outcome.FAILED)
    warning = f.WarningRecorded(category="UserWarning", message="m", when="runtest", count=3)
    broken = f.CollectionFailed(location="a.py")
    alert = f.AlertRaised(kind="leak", message="m")
    for fact in (subtest, warning, broken, alert, f.SinkFailed(sink="junit", message="disk full")):
        state.apply(fact, 1.0)
    state.apply(f.PluginReported(text="coverage 90%", exit_status=1))
    state.apply(finished("a", subtests_passed=4))
    assert (state.subtests, state.collection_failures, state.alerts) == ([subtest], [broken], [alert])
    assert (state.warnings, state.warning_count) == ([warning], 3)
    assert state.broken_sinks == {"junit": "disk full"}
    assert (state.plugin_text, state.session_exit) == ("coverage 90%", 1)
    assert state.subtests_passed == 4


def test_proven_tests_count_in_the_run_and_in_their_layer() -> None:
    state = RunState()
    hit = f.CacheHit(test="t::1", category="unit", layer="fast", proven_by="run-1", outcome=Outcome.PASSED)
    state.apply(f.RunPlanned(collected=1, planned=0))
    state.apply(hit)
    state.apply(f.LayerStarted(layer="fast", name="Fast", tests=0))
    assert state.proven == 1
    assert state.layers["fast"].proven == 1
    assert state.ledger().balances()
