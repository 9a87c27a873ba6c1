"""What a failure stops, mode by mode."""

from __future__ import annotations

import pytest

from test_framework.core.fail_fast import FailFast, covers
from test_framework.core.stages import CategoryRun, LayerRun
from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.model.plan import CategoryPlan, LayerPlan, Plan

pytestmark = pytest.mark.unit


def category(name: str = "unit", **more: object) -> CategoryRun:
    return CategoryRun.of(CategoryPlan(name, (), **more), "fast")  # type: ignore[arg-type]


def fail_fast(mode: str = "layers", strategy: str = "disabled", max_failures: int = 0) -> FailFast:
    layer = LayerPlan("fast", "Fast", (), fail_fast=strategy)
    return FailFast(Plan((layer,), fail_fast_mode=mode, max_failures=max_failures))


def finished(outcome: Outcome, test: str = "a.py::t") -> f.TestFinished:
    return f.TestFinished(
        test=test, attempt=1, outcome=outcome, category="unit", layer="fast", worker="gw0", seconds=0.1
    )


FAILED, PASSED, SKIPPED = (finished(each) for each in (Outcome.FAILED, Outcome.PASSED, Outcome.SKIPPED))


@pytest.mark.parametrize(
    ("mode", "strategy", "critical", "scope", "at_once"),
    [
        ("layers", "disabled", True, None, False),
        ("layers", "immediate", False, "layer:fast", True),
        ("layers", "layer", False, None, False),
        ("layers", "category", False, "category:unit", False),
        ("disabled", "immediate", True, None, False),
        ("first_failure", "disabled", False, "run", True),
        ("category_failure", "immediate", True, None, False),
        ("dependency_aware", "immediate", True, None, False),
        ("critical_failure", "immediate", False, None, False),
        ("critical_failure", "disabled", True, "run", False),
        ("threshold_based", "immediate", True, None, False),
    ],
)
def test_one_failure_stops_what_the_mode_says(
    mode: str, strategy: str, critical: bool, scope: str | None, at_once: bool
) -> None:
    found = fail_fast(mode, strategy).after(FAILED, category(critical=critical))
    assert (found.scope if found else None) == scope
    assert bool(found and found.at_once) == at_once


@pytest.mark.parametrize(
    "outcome", [each for each in Outcome if each.value in ("passed", "skipped", "xfailed", "xpassed")]
)
def test_what_is_not_bad_stops_nothing(outcome: Outcome) -> None:
    assert fail_fast("first_failure", max_failures=1).after(finished(outcome), category()) is None


@pytest.mark.parametrize("outcome", ["failed", "error", "timed_out", "crashed", "oom"])
def test_every_bad_outcome_counts_as_a_failure(outcome: str) -> None:
    assert fail_fast(max_failures=1).after(finished(Outcome(outcome)), category()) is not None


@pytest.mark.parametrize("mode", ["layers", "disabled", "threshold_based", "category_failure"])
def test_the_number_of_failures_holds_in_every_mode(mode: str) -> None:
    counter = fail_fast(mode, max_failures=2)
    assert counter.after(FAILED, category()) is None
    assert counter.after(PASSED, category()) is None
    found = counter.after(FAILED, category())
    assert found is not None
    assert (found.scope, found.message) == ("run", "stopped after 2 failures")


@pytest.mark.parametrize("mode", ["threshold_based", "smart_adaptive"])
def test_five_failures_in_a_row_stop_the_run_and_four_do_not(mode: str) -> None:
    counter = fail_fast(mode)
    run = [FAILED] * 4 + [SKIPPED] + [FAILED] * 4
    for _ in range(40):
        assert counter.after(PASSED, category()) is None
    assert [counter.after(each, category()) for each in run] == [None] * 9
    found = counter.after(FAILED, category())
    assert found is not None
    assert found.message == "5 failures in a row"


def test_more_than_thirty_percent_of_at_least_ten_stop_the_run() -> None:
    counter = fail_fast("threshold_based")
    assert [counter.after(each, category()) for each in [FAILED, PASSED, FAILED, PASSED, FAILED]] == [
        None
    ] * 5
    assert [counter.after(each, category()) for each in [PASSED] * 6] == [None] * 6
    found = counter.after(FAILED, category())
    assert found is not None
    assert found.message == "4 of 12 tests failed, over 30%"


def test_exactly_thirty_percent_do_not_stop_the_run() -> None:
    counter = fail_fast("threshold_based")
    for each in [PASSED] * 7 + [FAILED, FAILED, FAILED]:
        assert counter.after(each, category()) is None


@pytest.mark.parametrize("mode", ["category_failure", "dependency_aware"])
def test_a_category_is_kept_from_starting_by_a_failed_one_that_it_needs(mode: str) -> None:
    needed, other = category("unit"), category("api")
    dependent = category("web", depends_on=frozenset({"unit"}))
    needed.ended = other.ended = True
    other.bad = 1
    assert fail_fast(mode).keeps_from_starting(dependent, [needed, other]) == ""
    needed.bad = 1
    assert "unit" in fail_fast(mode).keeps_from_starting(dependent, [needed, other])
    needed.bad, needed.owed = 0, 1
    stopped = fail_fast(mode).keeps_from_starting(dependent, [needed, other])
    assert ("was stopped" in stopped) == (mode == "category_failure"), (
        "only a failure counts for dependency_aware"
    )
    needed.kept = True
    assert "was not started" in fail_fast(mode).keeps_from_starting(dependent, [needed, other])
    assert fail_fast("layers").keeps_from_starting(dependent, [needed, other]) == ""


@pytest.mark.parametrize("mode", ["disabled", "first_failure", "critical_failure", "threshold_based"])
def test_other_modes_keep_no_category_from_starting(mode: str) -> None:
    needed = category("unit")
    needed.ended, needed.bad = True, 1
    dependent = category("web", depends_on=frozenset({"unit"}))
    assert fail_fast(mode).keeps_from_starting(dependent, [needed]) == ""


def test_the_strategy_of_the_failed_category_s_layer_decides_whether_others_start() -> None:
    needed = category("unit")
    needed.ended, needed.bad = True, 1
    dependent = CategoryRun.of(CategoryPlan("web", (), depends_on=frozenset({"unit"})), "slow")
    assert "unit" in fail_fast("layers", "category").keeps_from_starting(dependent, [needed])
    assert fail_fast("layers", "immediate").keeps_from_starting(dependent, [needed]) == ""
    other = LayerPlan("slow", "Slow", (), fail_fast="category")
    plan = Plan((LayerPlan("fast", "Fast", ()), other))
    assert FailFast(plan).keeps_from_starting(dependent, [needed]) == ""


def after_layer(strategy: str, status: str, mode: str = "layers") -> str:
    run = LayerRun.of(LayerPlan("fast", "Fast", (), fail_fast=strategy))
    run.status = status
    return fail_fast(mode, strategy).after_layer(run)


def test_a_strategy_of_layer_lets_the_layer_end_and_then_starts_no_other() -> None:
    assert "layer fast failed" in after_layer("layer", "failed")
    assert after_layer("layer", "passed") == ""
    assert after_layer("layer", "stopped") == ""
    assert after_layer("disabled", "failed") == ""
    assert after_layer("layer", "failed", mode="disabled") == ""


def test_known_flaky_tests_count_for_threshold_based_and_not_for_smart_adaptive() -> None:
    def stops(mode: str) -> list[bool]:
        counter = FailFast(Plan((), fail_fast_mode=mode, flaky=frozenset({"a.py::flaky"})))
        failures = [finished(Outcome.FAILED, "a.py::flaky")] * 6
        return [counter.after(each, category()) is not None for each in failures]

    assert stops("threshold_based") == [False] * 4 + [True] * 2
    assert stops("smart_adaptive") == [False] * 6


def test_a_known_flaky_test_neither_ends_a_row_of_failures_nor_joins_it() -> None:
    counter = FailFast(Plan((), fail_fast_mode="smart_adaptive", flaky=frozenset({"a.py::flaky"})))
    run = [FAILED] * 4 + [finished(Outcome.PASSED, "a.py::flaky"), finished(Outcome.FAILED, "a.py::flaky")]
    assert [counter.after(each, category()) for each in run] == [None] * 6
    found = counter.after(FAILED, category())
    assert found is not None
    assert found.message == "5 failures in a row"


def test_known_flaky_tests_count_for_the_number_of_failures() -> None:
    plan = Plan((), fail_fast_mode="smart_adaptive", flaky=frozenset({"a.py::t"}), max_failures=1)
    assert FailFast(plan).after(FAILED, category()) is not None


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("run", True),
        ("layer:fast", True),
        ("layer:slow", False),
        ("category:unit", True),
        ("category:fast", False),
        ("layer:unit", False),
    ],
)
def test_a_scope_covers_its_own_categories(scope: str, covered: bool) -> None:
    assert covers(scope, category()) is covered
