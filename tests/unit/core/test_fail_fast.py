"""What a failure stops, mode by mode."""

from __future__ import annotations

import pytest

from test_framework.core.fail_fast import FailFast, covers
from test_framework.core.stages import CategoryRun
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
        ("layers", "layer", False, "layer:fast", False),
        ("layers", "category", False, "category:unit", False),
        ("disabled", "immediate", True, None, False),
        ("first_failure", "disabled", False, "run", False),
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
    assert "was stopped" in fail_fast(mode).keeps_from_starting(dependent, [needed, other])
    assert fail_fast("layers").keeps_from_starting(dependent, [needed, other]) == ""


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
