"""Categories and layers that run side by side, by example: who gets the lanes, and what a stop does to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from test_framework.core.instructions import StartUnit, StopLane
from test_framework.core.scheduler import Scheduler
from test_framework.model import facts as f
from test_framework.model.outcome import StopReason
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan
from tests.unit.core.simulated_lane import Fate
from tests.unit.core.simulated_shell import Shell, World

pytestmark = pytest.mark.unit


def chain(key: str, *seconds: float) -> Chain:
    return Chain(key, tuple(f"{key}::t{index}" for index in range(len(seconds))), seconds)


def run(plan: Plan, fates: dict[str, Fate] | None = None) -> Shell:
    passing = {
        test: Fate("pass", cost)
        for layer in plan.layers
        for category in layer.categories
        for each in category.chains
        for test, cost in zip(each.tests, each.costs, strict=True)
    }
    return Shell(plan, World(fates={**passing, **(fates or {})})).run()


def outcomes(shell: Shell) -> dict[str, str]:
    return {test: fact.outcome.value for test, fact in shell.referee.finished.items()}


def beside(*categories: CategoryPlan, lanes: int, **more: object) -> Plan:
    layer = LayerPlan("l", "L", categories, mode="parallel")
    return Plan((layer,), lanes=lanes, **more)  # type: ignore[arg-type]


def test_lanes_share_the_categories_that_are_open() -> None:
    one, two = (CategoryPlan(name, (chain(f"{name}1", 1.0), chain(f"{name}2", 1.0))) for name in "xy")
    shell = run(beside(one, two, lanes=2))
    first = [each.unit.category for _, each in shell.instructions if isinstance(each, StartUnit)][:2]
    assert sorted(first) == ["x", "y"]


def test_what_opens_while_an_exclusive_chain_runs_waits_for_it() -> None:
    def layer(name: str, only: Chain, *after: str) -> LayerPlan:
        return LayerPlan(
            f"l{name}", name, (CategoryPlan(name, (only,)),), mode="parallel", after=frozenset(after)
        )

    alone = Chain("x1", ("x1::t0",), (3.0,), exclusive=True)
    layers = (layer("z", chain("z1", 1.0)), layer("x", alone), layer("y", chain("y1", 0.5), "lz"))
    shell = run(Plan(layers, lanes=2, layer_delay_seconds=0.5, max_parallel_layers=3))
    started = {each.unit.chain: at for at, each in shell.instructions if isinstance(each, StartUnit)}
    assert started["x1"] < 1.5, "it runs when the pause ends"
    assert started["y1"] >= started["x1"] + 3.0


def test_a_lane_stays_with_its_chain_when_another_category_opens() -> None:
    later = CategoryPlan("y", (chain("y1", *[0.5] * 30),), depends_on=frozenset({"z"}))
    before = CategoryPlan("z", (chain("z1", 0.5),))
    long = CategoryPlan("x", (chain("x1", *[0.5] * 12), chain("x2", *[0.5] * 12)), max_lanes=2)
    shell = run(beside(later, before, long, lanes=3))
    lives = [book.lane.ran for book in shell.referee.past if book.lane is not None]
    for name in ("x1", "x2"):
        at_home = next(ran for ran in lives if f"{name}::t0" in ran)
        begin = at_home.index(f"{name}::t0")
        assert at_home[begin : begin + 12] == [f"{name}::t{index}" for index in range(12)]


def test_the_first_failure_interrupts_the_run_and_a_number_of_failures_lets_tests_end() -> None:
    plan = beside(CategoryPlan("x", (chain("a", 0.5), chain("b", 20.0))), lanes=2)
    bad = {"a::t0": Fate("fail", 0.5)}
    at_once = run(replace(plan, fail_fast_mode="first_failure"), bad)
    assert outcomes(at_once) == {"a::t0": "failed", "b::t0": "not_run"}
    assert at_once.now < 1.0
    patient = run(replace(plan, fail_fast_mode="disabled", max_failures=1), bad)
    assert outcomes(patient) == {"a::t0": "failed", "b::t0": "passed"}


def test_an_interrupt_after_a_failure_leaves_fixtures_a_whole_grace_period() -> None:
    plan = beside(CategoryPlan("x", (chain("a", 0.5), chain("b", 20.0))), lanes=2, grace_seconds=4.0)
    shell = run(
        replace(plan, fail_fast_mode="first_failure"),
        {"a::t0": Fate("fail", 0.5), "b::t0": Fate("deafest", 20.0)},
    )
    deaf = next(book.lane.number for book in shell.referee.past if book.lane and "b::t0" in book.lane.ran)
    stops = [
        (round(at - 0.5, 1), each.force.name)
        for at, each in shell.instructions
        if isinstance(each, StopLane) and each.lane == deaf
    ]
    assert stops == [(0.0, "INTERRUPT"), (4.0, "TERMINATE"), (6.0, "KILL")]


def test_a_crash_after_a_gentle_stop_is_still_a_crash() -> None:
    plan = beside(CategoryPlan("x", (chain("a", 0.5), chain("b", 2.0))), lanes=2, max_failures=1)
    shell = run(plan, {"a::t0": Fate("fail", 0.5), "b::t0": Fate("crash", 2.0)})
    assert any(isinstance(each, StopLane) for _, each in shell.instructions)
    assert outcomes(shell) == {"a::t0": "failed", "b::t0": "crashed"}


def test_the_reason_to_stop_never_falls() -> None:
    scheduler = Scheduler(beside(CategoryPlan("x", (chain("a", 0.5),)), lanes=1))
    scheduler.start(0.0)
    scheduler.handle(f.CancelRequested(reason="interrupt"), 1.0)
    scheduler.handle(f.CancelRequested(reason="test_request"), 2.0)
    assert scheduler.stop is StopReason.INTERRUPT


def test_two_layers_run_side_by_side_and_each_ends_for_itself() -> None:
    layers = tuple(
        LayerPlan(name, name, (CategoryPlan(name, (chain(name, *seconds),)),))
        for name, seconds in (("short", (0.5,)), ("long", (2.0, 2.0)))
    )
    shell = run(Plan(layers, lanes=2, max_parallel_layers=2))
    kinds = [
        (type(fact).__name__, fact.layer)
        for fact in shell.facts
        if isinstance(fact, f.LayerStarted | f.LayerFinished)
    ]
    assert kinds == [
        ("LayerStarted", "short"),
        ("LayerStarted", "long"),
        ("LayerFinished", "short"),
        ("LayerFinished", "long"),
    ]
