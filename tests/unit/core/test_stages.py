"""How layers and categories open and how they ended, by example."""

from __future__ import annotations

from dataclasses import replace

import pytest

from test_framework.core.stages import CategoryRun, LayerRun
from test_framework.core.windows import Halt
from test_framework.model.outcome import StopReason
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan

pytestmark = pytest.mark.unit

LATE = Halt(StopReason.BUDGET, "budget: it is late")
FAILED = Halt(StopReason.FAILURES, "stopped after failures")


def layer(*categories: CategoryPlan, **more: object) -> LayerRun:
    return LayerRun.of(LayerPlan("l", "L", categories, **more))  # type: ignore[arg-type]


def category(name: str, *needs: str, **more: object) -> CategoryPlan:
    chains = (Chain(f"{name}.py", (f"{name}.py::t",), (1.0,)),)
    return CategoryPlan(name, chains, depends_on=frozenset(needs), **more)  # type: ignore[arg-type]


def done(run: LayerRun, executed: int, bad: int = 0, owed: int = 0, halt: Halt | None = None) -> LayerRun:
    only = run.categories[0]
    only.executed, only.bad, only.owed, only.halt, only.ended = executed, bad, owed, halt, True
    return run


@pytest.mark.parametrize(
    ("executed", "bad", "owed", "halt", "limits", "status"),
    [
        (10, 0, 0, None, {}, "passed"),
        (0, 0, 0, None, {}, "empty"),
        (10, 1, 0, None, {}, "failed"),
        (10, 1, 0, None, {"min_pass_rate": 0.9}, "passed"),
        (10, 2, 0, None, {"min_pass_rate": 0.9}, "failed"),
        (10, 2, 0, None, {"max_failures": 2}, "passed"),
        (10, 3, 0, None, {"max_failures": 2}, "failed"),
        (10, 2, 0, None, {"max_failures": 2, "min_pass_rate": 0.9}, "failed"),
        (10, 2, 0, None, {"min_pass_rate": 0.9, "proven": 10}, "passed"),
        (10, 3, 0, None, {"min_pass_rate": 0.9, "proven": 10}, "failed"),
        (10, 1, 5, FAILED, {"max_failures": 2}, "failed"),
        (10, 0, 5, FAILED, {}, "stopped"),
        (10, 0, 5, LATE, {}, "timed_out"),
        (10, 0, 0, LATE, {}, "passed"),
        (10, 0, 1, None, {}, "stopped"),
    ],
)
def test_a_layer_ends_as_its_counts_and_limits_say(
    executed: int, bad: int, owed: int, halt: Halt | None, limits: dict[str, float], status: str
) -> None:
    run = done(layer(category("a"), **limits), executed, bad, owed, halt)
    found, reason = run.outcome()
    assert found == status
    assert bool(reason) == (bad > 0 or owed > 0)
    expected = {"failed": "failed", "passed": "failed" if bad else "passed"}.get(status, status)
    assert run.categories[0].status() == expected


def test_a_layer_of_which_everything_is_proven_has_passed() -> None:
    assert done(layer(category("a"), proven=3), 0, 0, 0, None).outcome() == ("passed", "")


@pytest.mark.parametrize(
    ("critical", "must_pass", "status"),
    [(True, True, "failed"), (True, False, "passed"), (False, True, "passed")],
)
def test_a_failure_in_a_critical_category_is_not_tolerated_where_critical_tests_must_pass(
    critical: bool, must_pass: bool, status: str
) -> None:
    run = layer(category("a", critical=critical), max_failures=5, critical_tests_must_pass=must_pass)
    found, reason = done(run, 10, bad=1).outcome()
    assert found == status
    assert ("critical" in reason) == (status == "failed")


@pytest.mark.parametrize(
    ("status", "partial", "serves"),
    [
        ("passed", False, True),
        ("empty", False, True),
        ("failed", True, False),
        ("stopped", True, False),
        ("blocked", True, False),
        ("timed_out", True, True),
        ("timed_out", False, False),
    ],
)
def test_dependents_start_after_a_layer_that_went_well_enough(
    status: str, partial: bool, serves: bool
) -> None:
    run = layer(category("a"), allow_partial_success=partial)
    run.status = status
    assert run.serves_dependents is serves


def names(found: list[CategoryRun]) -> list[str]:
    return [each.name for each in found]


def test_sequential_categories_open_one_after_another() -> None:
    run = layer(category("a"), category("b"))
    assert names(run.next_categories()) == ["a"]
    run.categories[0].open = True
    assert names(run.next_categories()) == []
    run.categories[0].ended = True
    assert names(run.next_categories()) == ["b"]


def test_parallel_categories_open_together_but_for_what_they_wait_for() -> None:
    run = layer(category("a"), category("b", "a"), category("c", "elsewhere"), mode="parallel")
    assert names(run.next_categories()) == ["a", "c"]
    run.categories[0].open = run.categories[0].ended = True
    assert names(run.next_categories()) == ["b", "c"]


def test_hybrid_keeps_those_that_need_a_lane_for_themselves_for_the_end() -> None:
    run = layer(category("a", max_lanes=1), category("b"), category("c", max_lanes=1), mode="hybrid")
    assert names(run.next_categories()) == ["b"]
    run.categories[1].open = True
    assert names(run.next_categories()) == []
    run.categories[1].ended = True
    assert names(run.next_categories()) == ["a"]
    run.categories[0].open = True
    assert names(run.next_categories()) == []


@pytest.mark.parametrize("mode", ["parallel", "hybrid"])
def test_categories_that_wait_for_each_other_do_not_hang_the_run(mode: str) -> None:
    run = layer(category("a", "b"), category("b", "a"), mode=mode)
    assert names(run.next_categories()) == ["a"]


def test_a_category_may_use_at_least_one_lane() -> None:
    run = CategoryRun.of(replace(category("a"), max_lanes=0), "l")
    assert run.most_lanes == 1
