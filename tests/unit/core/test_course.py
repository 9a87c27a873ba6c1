"""Halts of layers and categories, where their order and their strength matter."""

from __future__ import annotations

import pytest

from test_framework.core.course import Course
from test_framework.core.fail_fast import FailFast
from test_framework.model import facts as f
from test_framework.model.outcome import StopReason
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan

pytestmark = pytest.mark.unit


def course(plan: Plan) -> tuple[Course, list[f.Fact]]:
    facts: list[f.Fact] = []
    found = Course(plan, FailFast(plan), facts.append)
    found.begin(0.0)
    return found, facts


def plan(budget: float | None = None) -> Plan:
    categories = tuple(
        CategoryPlan(name, (Chain(f"{name}.py", (f"{name}.py::t",), (1.0,)),)) for name in ("a", "b")
    )
    first = LayerPlan("first", "First", categories[:1], budget_seconds=budget)
    second = LayerPlan("second", "Second", categories[1:], depends_on=frozenset({"first"}))
    return Plan((first, second))


def test_a_stronger_halt_replaces_a_weaker_one_and_never_the_reverse() -> None:
    found, _ = course(plan())
    found.advance(0.0)
    category = found.categories[0]
    for reason, expected in (
        (StopReason.FAILURES, StopReason.FAILURES),
        (StopReason.BUDGET, StopReason.BUDGET),
        (StopReason.TEST_REQUEST, StopReason.BUDGET),
        (StopReason.INTERRUPT, StopReason.INTERRUPT),
    ):
        found.halt("category:a", reason, reason.name)
        assert category.halt is not None
        assert category.halt.reason is expected


def test_a_layer_out_of_time_is_named_once_and_blocks_what_needs_it() -> None:
    found, facts = course(plan(budget=20.0))
    found.advance(0.0)
    assert found.next_time() == 15.0
    assert not found.keep_time(14.9)
    assert not found.keep_time(15.0)
    assert not found.keep_time(16.0)
    cancels = [each for each in facts if isinstance(each, f.CancelRequested)]
    assert [(each.reason, each.scope) for each in cancels] == [("budget", "layer:first")]
    found.advance(16.0)
    owed = {each.test: each.reason for each in facts if isinstance(each, f.TestOwed)}
    assert owed == {
        "a.py::t": "budget: layer first is out of time",
        "b.py::t": "not started: layer first, which layer second depends on, ran out of time",
    }
    statuses = [(each.layer, each.status) for each in facts if isinstance(each, f.LayerFinished)]
    assert statuses == [("first", "timed_out"), ("second", "blocked")]
    assert found.over


def test_a_layer_that_was_stopped_before_its_turn_does_not_start() -> None:
    found, facts = course(plan())
    found.advance(0.0)
    found.halt("layer:second", StopReason.TEST_REQUEST, "not wanted")
    found.categories[0].pool.drain()
    found.advance(1.0)
    started = [each.layer for each in facts if isinstance(each, f.LayerStarted)]
    assert started == ["first"]
    assert facts[-1] == f.LayerFinished(layer="second", status="blocked", reason="not wanted")


def test_a_run_out_of_time_says_so_once() -> None:
    found, _ = course(Plan(plan().layers, budget_seconds=20.0))
    found.advance(0.0)
    assert not found.keep_time(14.9)
    assert found.keep_time(15.0)
    found.stop(StopReason.BUDGET, "late")
    assert not found.keep_time(15.1)
