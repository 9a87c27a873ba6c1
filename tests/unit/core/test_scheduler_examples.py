"""The scheduler by example: one misfortune at a time, and what exactly is said about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from test_framework.core.instructions import (
    CloseLane,
    Finish,
    Force,
    HoldLane,
    Instruction,
    LaneEnded,
    LaneReady,
    OpenLane,
    StartUnit,
    StopLane,
    UnitEnded,
)
from test_framework.core.scheduler import Scheduler, lane_number, worker_name
from test_framework.model import facts as f
from test_framework.model.outcome import Blame, Outcome, StopReason
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan
from tests.unit.core.simulated_lane import Fate, Nature
from tests.unit.core.simulated_shell import Shell, World

pytestmark = pytest.mark.unit


def chain(key: str, *seconds: float, **more: object) -> Chain:
    tests = tuple(f"{key}::t{index}" for index in range(len(seconds)))
    return Chain(key=key, tests=tests, costs=seconds, **more)  # type: ignore[arg-type]


def plan(*chains: Chain, lanes: int = 2, **more: object) -> Plan:
    """One layer with one category; `more`: fields of the plan, the layer or the category."""
    fields = {kind: set(kind.__dataclass_fields__) for kind in (CategoryPlan, LayerPlan, Plan)}
    of = {kind: {key: more[key] for key in more if key in fields[kind]} for kind in fields}
    limit = of[Plan].pop("budget_seconds", None)
    category = CategoryPlan(name="unit", chains=chains, **of[CategoryPlan])  # type: ignore[arg-type]
    layer = LayerPlan(
        id="fast",
        name="Fast",
        categories=(category,),
        **{  # type: ignore[arg-type]
            key: value for key, value in of[LayerPlan].items() if key != "budget_seconds"
        },
    )
    category = replace(category, budget_seconds=None)
    layer = replace(layer, categories=(replace(layer.categories[0], budget_seconds=None),))
    return Plan(layers=(layer,), lanes=lanes, budget_seconds=limit, **of[Plan])  # type: ignore[arg-type]


def run(of: Plan, fates: dict[str, Fate] | None = None, **world: object) -> Shell:
    """Run a plan whose tests pass after their estimated seconds, but for those with a fate of their own."""
    everything = {
        test: Fate("pass", cost)
        for layer in of.layers
        for category in layer.categories
        for each in category.chains
        for test, cost in zip(each.tests, each.costs, strict=True)
    }
    return Shell(of, World(fates={**everything, **(fates or {})}, **world)).run()  # type: ignore[arg-type]


def told(shell: Shell, kind: type[Instruction]) -> list[Instruction]:
    return [each for _, each in shell.instructions if isinstance(each, kind)]


def outcomes(shell: Shell) -> dict[str, str]:
    return {test: fact.outcome.value for test, fact in shell.referee.finished.items()}


def test_an_empty_plan_is_finished_at_once() -> None:
    assert Scheduler(Plan(layers=())).start(0.0) == [Finish()]


def test_lanes_are_named_like_those_of_xdist() -> None:
    assert worker_name(3) == "gw3"
    assert [lane_number(name) for name in ("gw0", "gw12", "gwx", "master", "")] == [0, 12, -1, -1, -1]


def test_no_more_lanes_are_opened_than_there_are_pieces_of_work() -> None:
    shell = run(plan(chain("a", 1.0), lanes=4))
    assert len(told(shell, OpenLane)) == 1


def test_one_long_chain_is_divided_among_all_lanes() -> None:
    shell = run(plan(chain("a", *[0.5] * 40), lanes=4))
    assert len(told(shell, OpenLane)) == 4
    assert shell.now < 20.0 / 4 + 0.8


def test_the_longest_chain_begins_first_but_for_one_short_one() -> None:
    units = told(run(plan(chain("short", 0.1), chain("long", 3.0), chain("middle", 1.0))), StartUnit)
    assert [each.unit.chain for each in units] == ["short", "long", "middle"]  # type: ignore[union-attr]


def test_chains_of_a_higher_rank_begin_first_whatever_they_cost() -> None:
    of = plan(chain("short", 0.1), chain("long", 3.0), chain("failed", 1.0, rank=1), lanes=1)
    units = told(run(of), StartUnit)
    assert units[0].unit.chain == "failed"  # type: ignore[union-attr]


def test_a_unit_does_not_wait_behind_a_long_one_while_another_lane_could_run_it() -> None:
    shell = run(plan(chain("a", 5.0, 5.0)))
    assert shell.now < 5.5


def test_lanes_are_held_between_layers_and_closed_at_the_end() -> None:
    one = plan(chain("a", 0.5), chain("b", 0.5))
    second = replace(
        one.layers[0], id="slow", categories=(CategoryPlan("late", (chain("c", 0.5), chain("d", 0.5))),)
    )
    shell = run(replace(one, layers=(*one.layers, second)))
    assert len(told(shell, OpenLane)) == 2
    assert len(told(shell, CloseLane)) == 2
    assert told(shell, HoldLane)


@pytest.mark.parametrize(("kind", "outcome"), [("crash", "crashed"), ("exit", "crashed"), ("oom", "oom")])
def test_a_test_that_kills_its_lane_is_named_and_the_rest_goes_on(kind: str, outcome: str) -> None:
    shell = run(plan(chain("a", 0.1, 0.1, 0.1, 0.1), lanes=1), {"a::t1": Fate(kind, 0.1)})
    assert outcomes(shell) == {"a::t0": "passed", "a::t1": outcome, "a::t2": "passed", "a::t3": "passed"}
    fact = shell.referee.finished["a::t1"]
    assert fact.blame is Blame.TEST
    assert "killed" in fact.message or "exited" in fact.message
    assert len(told(shell, OpenLane)) == 2
    lost = [each for each in shell.facts if isinstance(each, f.WorkerLost)]
    assert [(each.worker, each.test) for each in lost] == [("gw0", "a::t1")]


def test_a_lane_that_was_closed_is_opened_again_when_another_one_dies_with_work() -> None:
    of = plan(chain("a", 0.01), chain("b", 1.0, 1.0, links=(False, True)))
    shell = run(of, {"b::t0": Fate("crash", 1.0)})
    assert outcomes(shell)["b::t1"] == "passed"
    assert shell.finished


def test_linked_tests_that_lost_their_lane_stay_together() -> None:
    of = plan(chain("a", 0.1, 0.1, 0.1, links=(False, True, True)), lanes=2)
    shell = run(of, {"a::t0": Fate("crash", 0.1)})
    last = told(shell, StartUnit)[-1]
    assert last.unit.tests == ("a::t1", "a::t2")  # type: ignore[union-attr]


def test_a_test_over_its_limit_times_out_and_its_lane_goes_on() -> None:
    shell = run(plan(chain("a", 0.1, 0.1), lanes=1, test_timeout_seconds=2.0), {"a::t0": Fate("hang", 0.0)})
    assert outcomes(shell) == {"a::t0": "timed_out", "a::t1": "passed"}
    assert len(told(shell, OpenLane)) == 1
    assert [each.force for each in told(shell, StopLane)] == [Force.INTERRUPT]  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "last"), [("deaf", Force.TERMINATE), ("deafest", Force.KILL)])
def test_a_test_that_does_not_listen_is_stopped_harder(kind: str, last: Force) -> None:
    of = plan(chain("a", 0.1, 0.1), lanes=1, test_timeout_seconds=2.0, grace_seconds=4.0)
    shell = run(of, {"a::t0": Fate(kind, 0.0)})
    assert outcomes(shell) == {"a::t0": "timed_out", "a::t1": "passed"}
    stops = [(at, each.force) for at, each in shell.instructions if isinstance(each, StopLane)]
    forces = [Force.INTERRUPT, Force.TERMINATE, Force.KILL][: last - 1]
    assert [force for _, force in stops] == forces
    assert [round(at - 2.0, 1) for at, _ in stops] == [0.0, 2.0, 4.0][: last - 1]


def test_an_innocent_test_killed_for_the_one_before_it_runs_again() -> None:
    """The lane is already told to terminate when the late test ends after all, and begins the next."""
    scheduler = Scheduler(plan(chain("a", 0.1, 0.1), lanes=1, test_timeout_seconds=1.0))
    scheduler.start(0.0)
    scheduler.handle(LaneReady(lane=0), 0.0)
    one, two = (
        f.TestStarted(test=test, attempt=1, category="unit", layer="fast", worker="gw0")
        for test in ("a::t0", "a::t1")
    )
    scheduler.handle(one, 0.0)
    scheduler.handle(f.CancelRequested(reason="test_request", scope="layer:other"), 1.0)
    scheduler.handle(f.CancelRequested(reason="test_request", scope="layer:other"), 4.0)
    late = f.TestFinished(
        test="a::t0",
        attempt=1,
        outcome=Outcome.PASSED,
        category="unit",
        layer="fast",
        worker="gw0",
        seconds=4.1,
    )
    scheduler.handle(late, 4.1)
    scheduler.handle(two, 4.1)
    instructions = scheduler.handle(LaneEnded(lane=0, reason="killed by SIGTERM"), 4.2)
    kinds = [type(each).__name__ for each in instructions]
    assert "OpenLane" in kinds
    assert not any(isinstance(getattr(each, "fact", None), f.TestFinished) for each in instructions)


def test_the_first_interrupt_is_gentle_and_the_second_kills() -> None:
    of = plan(chain("a", 60.0), chain("b", 60.0), grace_seconds=4.0)
    gentle = run(of, cancels=[(1.0, "interrupt", "run")])
    assert set(outcomes(gentle).values()) == {"not_run"}
    assert {each.force for each in told(gentle, StopLane)} == {Force.INTERRUPT}  # type: ignore[union-attr]
    deaf = {"a::t0": Fate("deafest", 0.0), "b::t0": Fate("deafest", 0.0)}
    twice = run(of, deaf, cancels=[(1.0, "interrupt", "run"), (1.5, "second_interrupt", "run")])
    assert [each.force for each in told(twice, StopLane)][-1] is Force.KILL  # type: ignore[union-attr]
    assert twice.now < 1.6
    once = run(of, deaf, cancels=[(1.0, "interrupt", "run")])
    stops = [
        (at, each.force) for at, each in once.instructions if isinstance(each, StopLane) and each.lane == 0
    ]
    assert stops == [(1.0, Force.INTERRUPT), (5.0, Force.TERMINATE), (7.0, Force.KILL)]


def test_what_an_interrupt_stopped_is_owed_and_never_a_crash() -> None:
    of = plan(chain("a", 60.0, 1.0), lanes=1)
    shell = run(of, {"a::t0": Fate("brittle", 0.0)}, cancels=[(1.0, "interrupt", "run")])
    assert outcomes(shell) == {"a::t0": "not_run"}
    assert shell.referee.finished["a::t0"].blame is Blame.USER
    assert set(shell.referee.owed) == {"a::t0", "a::t1"}
    assert all("interrupted by the user" in reason for reason in shell.referee.owed.values())


def test_max_failures_lets_running_tests_finish_and_owes_the_rest() -> None:
    of = plan(chain("a", 0.5, 1.0), chain("b", 2.0, 1.0), max_failures=1)
    shell = run(of, {"a::t0": Fate("fail", 0.5)})
    assert outcomes(shell) == {"a::t0": "failed", "b::t0": "passed"}
    assert shell.state.stop is StopReason.FAILURES
    assert shell.referee.owed == {"a::t1": "stopped after 1 failure", "b::t1": "stopped after 1 failure"}


def test_a_layer_that_fails_at_once_interrupts_what_runs_beside() -> None:
    of = plan(chain("a", 0.5), chain("b", 50.0), fail_fast="immediate")
    shell = run(of, {"a::t0": Fate("fail", 0.5)})
    assert outcomes(shell) == {"a::t0": "failed", "b::t0": "not_run"}
    assert shell.now < 1.0


def test_a_budget_stops_in_time_and_blames_the_test_that_used_it_up() -> None:
    of = plan(chain("a", 1.0), chain("b", 1.0, 0.01), budget_seconds=20.0)
    shell = run(of, {"b::t0": Fate("deafest", 0.0), "a::t0": Fate("pass", 1.0)})
    assert outcomes(shell)["b::t0"] == "timed_out"
    assert shell.referee.owed == {"b::t1": "budget: the run's time was up"}
    assert 15.0 <= shell.now <= 20.1


def test_a_test_that_began_late_is_cancelled_by_the_budget_and_not_blamed() -> None:
    of = plan(chain("a", 12.0, 12.0), lanes=1, budget_seconds=20.0)
    assert outcomes(run(of)) == {"a::t0": "passed", "a::t1": "not_run"}


def test_a_lane_that_falls_silent_between_tests_is_replaced_without_blame() -> None:
    of = plan(chain("a", 0.1, 0.1, 0.1), lanes=1, shutdown_seconds=10.0)
    shell = run(of, natures=[Nature("silent", after=1)])
    assert set(outcomes(shell).values()) == {"passed"}
    assert 10.0 < shell.now < 13.0


def test_a_test_that_takes_longer_than_a_lane_may_be_silent_is_left_alone() -> None:
    shell = run(plan(chain("a", 0.1, 30.0, 0.1), lanes=1, shutdown_seconds=10.0))
    assert set(outcomes(shell).values()) == {"passed"}
    assert not told(shell, StopLane)


def test_a_lane_that_does_not_end_is_ended_and_the_run_says_so() -> None:
    shell = run(plan(chain("a", 0.1), lanes=1, shutdown_seconds=10.0), natures=[Nature("stays")])
    assert outcomes(shell) == {"a::t0": "passed"}
    assert [each.kind for each in shell.state.alerts] == ["shutdown"]
    assert shell.now > 10.0


def test_a_slow_teardown_does_not_overrun_the_budget() -> None:
    of = plan(chain("a", 14.0), lanes=1, budget_seconds=20.0, shutdown_seconds=60.0)
    shell = run(of, natures=[Nature("stays")])
    assert outcomes(shell) == {"a::t0": "passed"}
    assert shell.state.stop is None
    assert shell.now < 20.0


def test_a_lane_that_cannot_be_killed_is_left_behind_and_named() -> None:
    of = plan(chain("a", 0.1, 0.1), lanes=1, test_timeout_seconds=1.0)
    shell = run(of, {"a::t0": Fate("deafest", 0.0)}, natures=[Nature("immortal")])
    assert outcomes(shell)["a::t0"] == "timed_out"
    assert "unkillable" in {each.kind for each in shell.state.alerts}


def test_lanes_that_all_die_at_birth_end_the_run_and_everything_is_owed() -> None:
    shell = run(plan(chain("a", 1.0, 1.0), chain("b", 1.0)), always=Nature("stillborn"))
    assert shell.state.stop is StopReason.INTERNAL_ERROR
    assert len(shell.referee.owed) == 3
    assert len(told(shell, OpenLane)) == 6
    assert "exited early with status 3" in shell.state.stop_message


@pytest.mark.parametrize("kind", ["dies", "silent"])
def test_lanes_that_never_decide_a_test_end_the_run(kind: str) -> None:
    shell = run(plan(chain("a", 1.0), lanes=1), always=Nature(kind, after=0))
    assert shell.state.stop is StopReason.INTERNAL_ERROR
    assert len(told(shell, OpenLane)) == 3
    assert set(shell.referee.owed) == {"a::t0"}


def test_one_lane_that_dies_at_birth_does_not_harm_the_others() -> None:
    of = plan(chain("a", 5.0, 5.0), chain("b", 5.0))
    shell = run(of, natures=[Nature(), *[Nature("stillborn")] * 3])
    assert set(outcomes(shell).values()) == {"passed"}
    assert shell.state.stop is None


def test_exclusive_chains_run_alone_after_the_shared_ones() -> None:
    of = plan(chain("serial", 0.2, 0.2, exclusive=True), chain("a", 1.0), chain("b", 1.0))
    order = [each.unit.chain for each in told(run(of), StartUnit)]  # type: ignore[union-attr]
    assert order[-1] == "serial"


def test_a_lane_that_ran_long_enough_ends_with_its_chain_and_another_is_opened() -> None:
    of = plan(chain("a", 0.3, 0.3), chain("b", 0.3, 0.3), chain("c", 0.3), lanes=1, fresh_seconds=0.25)
    shell = run(of)
    assert set(outcomes(shell).values()) == {"passed"}
    assert len(told(shell, OpenLane)) == 3
    lanes_of_chains = {"a": 0, "b": 0, "c": 0}
    lives = 0
    for _, each in shell.instructions:
        lives += isinstance(each, OpenLane)
        if isinstance(each, StartUnit):
            assert lanes_of_chains[each.unit.chain] in (0, lives), "a chain was run in two processes"
            lanes_of_chains[each.unit.chain] = lives


def test_short_chains_share_a_lane() -> None:
    of = plan(*[chain(name, 0.05) for name in "abcdef"], lanes=1, fresh_seconds=0.25)
    assert len(told(run(of), OpenLane)) == 2


def test_a_lane_that_is_kept_goes_on_with_other_chains() -> None:
    scheduler = Scheduler(plan(chain("a", 0.5), chain("b", 0.5), lanes=1, fresh_seconds=0.1))
    scheduler.start(0.0)
    first = next(each for each in scheduler.handle(LaneReady(lane=0), 0.0) if isinstance(each, StartUnit))
    after = scheduler.handle(UnitEnded(lane=0, unit=first.unit.id, kept=True), 0.5)
    assert any(isinstance(each, StartUnit) for each in after)


def test_tests_that_a_unit_did_not_report_are_owed_not_lost() -> None:
    scheduler = Scheduler(plan(chain("a", 0.1), lanes=1))
    scheduler.start(0.0)
    unit = next(each.unit for each in scheduler.handle(LaneReady(lane=0), 0.0) if isinstance(each, StartUnit))
    from test_framework.core.instructions import Record

    facts = [
        each.fact
        for each in scheduler.handle(UnitEnded(lane=0, unit=unit.id), 0.1)
        if isinstance(each, Record)
    ]
    assert [each.test for each in facts if isinstance(each, f.TestOwed)] == ["a::t0"]
    finished = next(each for each in facts if isinstance(each, f.LayerFinished))
    assert finished.status == "stopped"


def test_facts_of_lanes_that_are_gone_change_nothing() -> None:
    scheduler = Scheduler(plan(chain("a", 0.1), lanes=1))
    scheduler.start(0.0)
    stale = f.TestStarted(test="a::t0", attempt=1, category="unit", layer="fast", worker="gw7")
    assert scheduler.handle(stale, 0.1) == []
    assert not any(isinstance(each, StartUnit) for each in scheduler.handle(LaneEnded(lane=9), 0.1))
