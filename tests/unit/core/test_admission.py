"""Which layers and categories open next, by example; the referee's gates say the same of random runs."""

from __future__ import annotations

from typing import Any

import pytest

from test_framework.core.course import Course
from test_framework.core.fail_fast import FailFast
from test_framework.model import facts as f
from test_framework.model.outcome import StopReason
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan

pytestmark = pytest.mark.unit


def category(name: str, *conflicts: str, **more: Any) -> CategoryPlan:
    chains = (Chain(f"{name}.py", (f"{name}.py::t",), (1.0,)),)
    return CategoryPlan(name, chains, conflicts=frozenset(conflicts), **more)


def layer(name: str, *categories: CategoryPlan, **more: Any) -> LayerPlan:
    sets = {key: frozenset(more.pop(key)) for key in ("after", "conflicts", "depends_on") if key in more}
    mode = more.pop("mode", "parallel")
    return LayerPlan(
        name, name.title(), categories or (category(f"{name}_tests"),), mode=mode, **sets, **more
    )


class Trial:
    """A course whose categories end when they are told to."""

    def __init__(self, *layers: LayerPlan, most: int = 3, **more: Any) -> None:
        self.facts: list[f.Fact] = []
        plan = Plan(layers, max_parallel_layers=most, **more)
        self.course = Course(plan, FailFast(plan), self.facts.append)
        self.course.begin(0.0)
        self.course.advance(0.0)

    @property
    def open_layers(self) -> list[str]:
        return [each.id for each in self.course.layers if each.open and not each.ended]

    @property
    def open_categories(self) -> list[str]:
        return [each.name for each in self.course.categories if each.open and not each.ended]

    def begun(self) -> list[str]:
        return [fact.category for fact in self.facts if isinstance(fact, f.CategoryStarted)]

    def end(self, name: str, now: float = 1.0, bad: int = 0) -> Trial:
        run = next(each for each in self.course.categories if each.name == name)
        run.pool.drain()
        run.executed, run.bad = 1, bad
        self.course.advance(now)
        return self


def test_layers_that_wait_for_nothing_open_side_by_side_up_to_their_number() -> None:
    layers = [layer(name) for name in "abcd"]
    assert Trial(*layers).open_layers == ["a", "b", "c"]
    assert Trial(*layers, most=1).open_layers == ["a"]
    assert Trial(*layers).end("a_tests").open_layers == ["b", "c", "d"]


def test_a_layer_comes_after_another_however_that_went() -> None:
    trial = Trial(layer("a"), layer("b", after="a"))
    assert trial.open_layers == ["a"]
    assert trial.end("a_tests", bad=1).open_layers == ["b"]


def test_a_layer_that_depends_on_a_failed_one_is_blocked_with_its_name() -> None:
    trial = Trial(layer("a"), layer("b", depends_on="a"), layer("c", depends_on="b"))
    trial.end("a_tests", bad=1)
    owed = {fact.test: fact.reason for fact in trial.facts if isinstance(fact, f.TestOwed)}
    assert owed == {
        "b_tests.py::t": "not started: layer a, which layer b depends on, failed",
        "c_tests.py::t": "not started: layer b, which layer c depends on, was not started",
    }
    assert trial.course.over


@pytest.mark.parametrize("of", ["a", "b"])
def test_layers_that_conflict_are_never_open_at_the_same_time_whichever_says_so(of: str) -> None:
    layers = [layer(name, conflicts="ab".replace(name, "") if name == of else "") for name in "ab"]
    trial = Trial(*layers)
    assert trial.open_layers == ["a"]
    assert trial.end("a_tests").open_layers == ["b"]


@pytest.mark.parametrize("of", ["x", "y"])
def test_categories_that_conflict_are_never_open_at_the_same_time_even_in_two_layers(of: str) -> None:
    x, y = (
        category(name, *("y" if name == "x" else "x" if name == of else "") * (name == of)) for name in "xy"
    )
    trial = Trial(layer("a", x), layer("b", y, category("z")))
    assert trial.open_categories == ["x", "z"]
    assert trial.end("x").open_categories == ["y", "z"]


def test_a_category_that_runs_alone_has_nothing_beside_it() -> None:
    trial = Trial(layer("a", category("x"), category("solo", alone=True), category("y")))
    assert trial.open_categories == ["x", "y"]
    assert trial.end("x").open_categories == ["y"]
    assert trial.end("y").open_categories == ["solo"]


def order(resolution: str, *layers: LayerPlan) -> list[str]:
    """The order in which categories begin when one ends after the other."""
    trial = Trial(*layers, conflict_resolution=resolution)
    while trial.open_categories:
        trial.end(trial.open_categories[0], now=float(len(trial.facts)))
    return trial.begun()


def test_who_goes_first_in_a_conflict_follows_the_resolution() -> None:
    # All conflict with each other; in layer a another one is ready only after `a1`.
    a = layer("a", category("a1", alone=True), category("a2", alone=True, urgency=0), priority=2)
    b = layer("b", category("b1", alone=True), category("b2", alone=True), priority=1)
    assert order("priority_based", a, b) == ["b1", "b2", "a2", "a1"]
    assert order("first_come_first_serve", a, b) == ["a1", "a2", "b1", "b2"]
    assert order("round_robin", a, b) == ["a1", "b1", "a2", "b2"]


def test_first_come_means_who_has_been_ready_for_longest() -> None:
    early = category("early", alone=True)
    late = category("late", alone=True, depends_on=frozenset({"first"}))
    trial = Trial(
        layer("a", category("first", alone=True), late),
        layer("b", early),
        conflict_resolution="first_come_first_serve",
    )
    assert trial.open_categories == ["first"]
    assert trial.end("first").open_categories == ["early"]


def test_the_most_urgent_layer_takes_the_only_place() -> None:
    layers = [layer("a", priority=3), layer("b", priority=1)]
    assert Trial(*layers, most=1).open_layers == ["b"]
    assert Trial(*layers, most=1, conflict_resolution="first_come_first_serve").open_layers == ["a"]


def test_no_layer_begins_during_the_pause_after_another_and_the_scheduler_wakes_then() -> None:
    trial = Trial(layer("a"), layer("b", after="a"), layer_delay_seconds=10.0)
    assert trial.open_layers == ["a"]
    assert trial.end("a_tests", now=5.0).open_layers == []
    assert trial.course.next_time() == 15.0
    trial.course.advance(14.9)
    assert trial.open_layers == []
    trial.course.advance(15.0)
    assert trial.open_layers == ["b"]


def test_the_run_s_time_is_kept_during_a_pause() -> None:
    trial = Trial(layer("a"), layer("b", after="a"), layer_delay_seconds=100.0, budget_seconds=20.0)
    trial.end("a_tests", now=5.0)
    assert trial.course.next_time() == 15.0
    assert trial.course.keep_time(15.0)
    trial.course.stop(StopReason.BUDGET, "late")
    trial.course.advance(15.0)
    assert trial.course.over


def test_a_blocked_layer_is_followed_by_no_pause() -> None:
    trial = Trial(layer("a"), layer("b", depends_on="a"), layer("c", after="b"), layer_delay_seconds=10.0)
    trial.end("a_tests", now=5.0, bad=1)
    assert trial.course.next_time() == 15.0


def test_a_layer_that_stands_before_the_one_it_depends_on_is_blocked_with_it() -> None:
    trial = Trial(layer("c", depends_on="b"), layer("b", depends_on="a"), layer("a"))
    trial.end("a_tests", bad=1)
    assert {fact.layer for fact in trial.facts if isinstance(fact, f.LayerStarted)} == {"a"}
    assert trial.course.over


def test_layers_that_wait_for_each_other_do_not_hang_the_run() -> None:
    trial = Trial(layer("a", after="b"), layer("b", after="a"))
    assert trial.open_layers == ["a"]
    assert trial.end("a_tests").open_layers == ["b"]
