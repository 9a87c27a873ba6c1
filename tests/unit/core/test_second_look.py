"""Which failures are judged again, and in which order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.second_look import LEAST_SECONDS, Order, names_a_resource, second_look, time_left
from test_framework.model.facts import TestFinished
from test_framework.model.outcome import Outcome
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan, Unit

TESTS = tuple(f"t{number}" for number in range(12))
CHAIN = Chain("m.py", TESTS, (0.5,) * 12)
PLAN = Plan(
    layers=(LayerPlan("l", "L", (CategoryPlan("unit", (CHAIN,), budget_seconds=1.0),), budget_seconds=2.0),),
    max_failures=1,
)
PLACE = {test: place for place, test in enumerate(TESTS)}.__getitem__
TOOK = {"t0": 2.0}


def unit(number: int, start: int, end: int) -> Unit:
    return Unit(number, "l", "unit", "m.py", TESTS[start:end])


def test_a_lane_that_runs_a_chain_from_its_head_runs_it_in_order() -> None:
    order = Order(PLAN, PLACE)
    order.given(0, unit(1, 0, 3))
    order.given(0, unit(2, 3, 12))
    assert [test for test in TESTS if order.apart(test)] == []


def test_a_piece_on_another_lane_stands_apart_and_so_does_what_follows_it_there() -> None:
    order = Order(PLAN, PLACE)
    order.given(0, unit(1, 0, 3))
    order.given(1, unit(2, 6, 9))
    order.given(1, unit(3, 9, 12))
    order.given(0, unit(4, 3, 6))
    assert [test for test in TESTS if order.apart(test)] == list(TESTS[6:])


def test_a_gap_breaks_the_order_and_a_new_process_knows_nothing_of_the_old() -> None:
    order = Order(PLAN, PLACE)
    order.given(0, unit(1, 0, 3))
    order.given(0, unit(2, 4, 6))
    assert order.apart("t4")
    order.lane_gone(0)
    order.given(0, unit(3, 6, 7))
    assert order.apart("t6")


@given(st.sets(st.sampled_from(TESTS)))
def test_the_second_look_runs_the_head_of_the_chain_up_to_the_last_suspect(suspects: set[str]) -> None:
    look = second_look(PLAN, suspects, TOOK, 100.0)
    if not suspects:
        assert look is None
        return
    assert look is not None
    (layer,) = look.plan.layers
    ((chain,),) = [category.chains for category in layer.categories]
    last = max(TESTS.index(test) for test in suspects)
    assert chain.tests == TESTS[: last + 1]
    assert chain.links == (False, *(True,) * last), "it must not be cut again"
    assert look.suspects == suspects
    assert look.seconds == 2.0 + 0.5 * last
    assert not look.left


def test_the_second_look_is_stopped_by_no_failure_and_no_layer_budget() -> None:
    look = second_look(PLAN, {"t3"}, TOOK, 100.0)
    assert look is not None
    assert look.plan.max_failures == 0
    assert look.plan.fail_fast_mode == "disabled"
    assert look.plan.layers[0].budget_seconds is None
    assert look.plan.budget_seconds is not None


TWO = (Chain("a.py", ("a0", "a1"), (1.0, 1.0)), Chain("b.py", ("b0", "b1"), (3.0, 3.0)))
TWO_PLAN = Plan(layers=(LayerPlan("l", "L", (CategoryPlan("unit", TWO),)),), lanes=2)
TWO_PLACE = {"a0": 0, "a1": 1, "b0": 2, "b1": 3}.__getitem__


def test_what_a_lane_runs_after_a_chain_that_pytest_runs_later_is_suspect() -> None:
    order = Order(TWO_PLAN, TWO_PLACE)
    order.given(0, Unit(1, "l", "unit", "b.py", ("b0", "b1")))
    order.given(0, Unit(2, "l", "unit", "a.py", ("a0", "a1")))
    assert [test for test in ("a0", "a1", "b0", "b1") if order.apart(test)] == ["a0", "a1"]


def test_what_a_lane_runs_after_chains_that_pytest_runs_before_or_in_a_fresh_process_is_not() -> None:
    order = Order(TWO_PLAN, TWO_PLACE)
    order.given(0, Unit(1, "l", "unit", "a.py", ("a0", "a1")))
    order.given(0, Unit(2, "l", "unit", "b.py", ("b0", "b1")))
    order.lane_gone(0)
    order.given(0, Unit(3, "l", "unit", "a.py", ("a0", "a1")))
    assert not any(order.apart(test) for test in ("a0", "a1", "b0", "b1"))


def test_a_second_look_takes_the_cheap_chains_that_there_is_time_for_and_names_the_rest() -> None:
    look = second_look(TWO_PLAN, {"a1", "b1"}, {}, 3.0)
    assert look is not None
    assert (look.suspects, look.left, look.seconds) == ({"a1"}, {"b1"}, 2.0)
    both = second_look(TWO_PLAN, {"a1", "b1"}, {"b0": 0.5}, 4.0)
    assert both is not None
    assert (both.suspects, both.left) == ({"a1", "b1"}, frozenset())


def test_lanes_share_a_second_look_but_no_chain_may_take_longer_than_allowed() -> None:
    look = second_look(TWO_PLAN, {"a1", "b1"}, {}, 5.0)
    assert look is not None
    assert look.left == {"b1"}


def test_a_second_look_has_the_time_that_plain_pytest_would_still_need_and_a_little_always() -> None:
    order = Order(TWO_PLAN, TWO_PLACE)
    order.took("a0", 60.0)
    order.took("b0", 40.0)
    assert time_left(order.seconds, 55.0) == 45.0
    assert time_left(order.seconds, 99.0) == LEAST_SECONDS


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("FileExistsError: [Errno 17] File exists: 'output'", True),
        ("sqlite3.OperationalError: database is locked", True),
        ("ConnectionResetError", True),
        ("AssertionError: assert 1 == 2", False),
        ("ValueError: no such thing", False),
    ],
)
def test_only_failures_that_name_what_there_is_one_of_may_come_from_another_lane(
    message: str, named: bool
) -> None:
    fact = TestFinished(
        test="t.py::a", attempt=1, outcome=Outcome.FAILED, category="unit", layer="fast", worker="gw0", seconds=0.1,
        message=message,
    )  # fmt: skip
    assert names_a_resource(fact) is named
