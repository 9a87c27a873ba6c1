"""Choice within a budget: what must run is chosen, the budget is kept, and the choice is a good one."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.choice import Candidate, choose

SECONDS = st.floats(0.01, 20, allow_nan=False)
CHANCES = st.floats(0.001, 1, allow_nan=False)
BUDGETS = st.floats(0, 60)


@st.composite
def some_tests(draw: st.DrawFn, most: int = 30) -> list[Candidate]:
    count = draw(st.integers(0, most))
    return [
        Candidate(
            test=f"t{number}",
            seconds=draw(SECONDS),
            chance=draw(CHANCES),
            must_run=draw(st.integers(0, 5)) == 0,
            load=draw(st.sampled_from([1.0, 2.0])),
        )
        for number in range(count)
    ]


@given(some_tests(), BUDGETS, st.integers(1, 4))
def test_what_must_run_is_chosen(tests: list[Candidate], budget: float, lanes: int) -> None:
    assert {one.test for one in tests if one.must_run} <= choose(tests, budget, lanes).chosen


@given(some_tests(), BUDGETS, st.integers(1, 4))
def test_only_what_must_run_may_exceed_the_budget(tests: list[Candidate], budget: float, lanes: int) -> None:
    chosen = choose(tests, budget, lanes).chosen
    musts = sum(one.lane_seconds for one in tests if one.must_run)
    taken = sum(one.lane_seconds for one in tests if one.test in chosen)
    assert taken <= max(musts, budget * lanes) + 1e-6


@given(some_tests(), BUDGETS)
def test_each_test_is_chosen_or_left_out_once(tests: list[Candidate], budget: float) -> None:
    choice = choose(tests, budget)
    assert sorted([*choice.chosen, *choice.too_long, *choice.too_many]) == sorted(one.test for one in tests)
    seconds = {one.test: one.seconds for one in tests}
    assert all(seconds[test] > budget for test in choice.too_long)


@given(some_tests(), BUDGETS)
def test_tests_of_equal_worth_are_chosen_in_the_order_given(tests: list[Candidate], budget: float) -> None:
    alike = [replace(one, seconds=1.0, chance=0.1, must_run=False, load=1.0) for one in tests]
    count = min(len(alike), int(budget)) if budget >= 1 else 0
    assert choose(alike, budget).chosen == {one.test for one in alike[:count]}


@given(some_tests(most=9), st.floats(0.1, 40))
def test_the_choice_finds_at_least_half_of_what_the_best_one_could(
    tests: list[Candidate], budget: float
) -> None:
    free = [one for one in tests if not one.must_run and one.seconds <= budget]
    left = max(0.0, budget - sum(one.lane_seconds for one in tests if one.must_run))
    best = max(
        (
            sum(one.chance for one in some)
            for size in range(len(free) + 1)
            for some in combinations(free, size)
            if sum(one.lane_seconds for one in some) <= left
        ),
        default=0.0,
    )
    chosen = choose(tests, budget).chosen
    assert sum(one.chance for one in free if one.test in chosen) >= best / 2.3
