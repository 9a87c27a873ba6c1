"""Which failures are judged again, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.second_look import Order, second_look
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan, Unit

TESTS = tuple(f"t{number}" for number in range(12))
CHAIN = Chain("m.py", TESTS, (0.5,) * 12)
PLAN = Plan(
    layers=(LayerPlan("l", "L", (CategoryPlan("unit", (CHAIN,), budget_seconds=1.0),), budget_seconds=2.0),),
    max_failures=1,
)


def unit(number: int, start: int, end: int) -> Unit:
    return Unit(number, "l", "unit", "m.py", TESTS[start:end])


def test_a_lane_that_runs_a_chain_from_its_head_runs_it_in_order() -> None:
    order = Order(PLAN)
    order.given(0, unit(1, 0, 3))
    order.given(0, unit(2, 3, 12))
    assert [test for test in TESTS if order.apart(test)] == []


def test_a_piece_on_another_lane_stands_apart_and_so_does_what_follows_it_there() -> None:
    order = Order(PLAN)
    order.given(0, unit(1, 0, 3))
    order.given(1, unit(2, 6, 9))
    order.given(1, unit(3, 9, 12))
    order.given(0, unit(4, 3, 6))
    assert [test for test in TESTS if order.apart(test)] == list(TESTS[6:])


def test_a_gap_breaks_the_order_and_a_new_process_knows_nothing_of_the_old() -> None:
    order = Order(PLAN)
    order.given(0, unit(1, 0, 3))
    order.given(0, unit(2, 4, 6))
    assert order.apart("t4")
    order.lane_gone(0)
    order.given(0, unit(3, 6, 7))
    assert order.apart("t6")


@given(st.sets(st.sampled_from(TESTS)))
def test_the_second_look_runs_the_head_of_the_chain_up_to_the_last_suspect(suspects: set[str]) -> None:
    look = second_look(PLAN, suspects)
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
    assert look.seconds == 0.5 * (last + 1)


def test_the_second_look_is_stopped_by_no_failure_and_no_layer_budget() -> None:
    look = second_look(PLAN, {"t3"})
    assert look is not None
    assert look.plan.max_failures == 0
    assert look.plan.fail_fast_mode == "disabled"
    assert look.plan.layers[0].budget_seconds is None
    assert look.plan.budget_seconds is not None
