"""Order and choice: what must run always runs, the budget is kept, and the choice is a good one."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.memory import Frame, Memory, Record, Snapshot
from test_framework.core.proof import Cause, Proven, Reason, ToRun
from test_framework.core.ranking import (
    Candidate,
    Past,
    candidates,
    chance_of_failure,
    choose,
    history_chance,
    order,
)

SECONDS = st.floats(0.01, 20, allow_nan=False)
CHANCES = st.floats(0.001, 1, allow_nan=False)
SOURCE_CHANGED = ToRun(Reason(Cause.SOURCE, "a.py::f"))
NEVER = ToRun(Reason(Cause.NEVER_RECORDED))
FAILED = ToRun(Reason(Cause.FAILED))


@st.composite
def some_tests(draw: st.DrawFn, most: int = 30) -> list[Candidate]:
    count = draw(st.integers(0, most))
    return [
        Candidate(
            test=f"t{number}",
            seconds=draw(SECONDS),
            chance=draw(CHANCES),
            must_run=draw(st.integers(0, 5)) == 0,
            failed_last=draw(st.integers(0, 5)) == 0,
        )
        for number in range(count)
    ]


@given(some_tests(), st.floats(0, 60), st.integers(1, 4))
def test_what_must_run_is_chosen_and_first(tests: list[Candidate], budget: float, lanes: int) -> None:
    chosen = choose(tests, budget, lanes).chosen
    musts = {one.test for one in tests if one.must_run}
    assert set(chosen[: len(musts)]) == musts


@given(some_tests(), st.floats(0, 60), st.integers(1, 4))
def test_only_what_must_run_may_exceed_the_budget(tests: list[Candidate], budget: float, lanes: int) -> None:
    choice = choose(tests, budget, lanes)
    seconds = {one.test: one.seconds for one in tests}
    musts = sum(one.seconds for one in tests if one.must_run)
    assert sum(seconds[test] for test in choice.chosen) <= max(musts, budget * lanes) + 1e-6


@given(some_tests(), st.floats(0, 60))
def test_each_test_is_chosen_or_owed_once(tests: list[Candidate], budget: float) -> None:
    choice = choose(tests, budget)
    assert sorted([*choice.chosen, *choice.owed]) == sorted(one.test for one in tests)
    assert all("budget" in why for why in choice.owed.values())


@given(some_tests(), st.floats(0, 60), st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_asking(
    tests: list[Candidate], budget: float, random
) -> None:
    shuffled = list(tests)
    random.shuffle(shuffled)
    assert choose(shuffled, budget) == choose(tests, budget)


@given(some_tests(most=9), st.floats(0.1, 40))
def test_the_choice_finds_at_least_half_of_what_the_best_one_could(
    tests: list[Candidate], budget: float
) -> None:
    free = [one for one in tests if not one.must_run and one.seconds <= budget]
    left = max(0.0, budget - sum(one.seconds for one in tests if one.must_run))
    best = max(
        (
            sum(one.chance for one in some)
            for size in range(len(free) + 1)
            for some in combinations(free, size)
            if sum(one.seconds for one in some) <= left
        ),
        default=0.0,
    )
    chosen = set(choose(tests, budget).chosen)
    found = sum(one.chance for one in free if one.test in chosen)
    assert found >= best / 2 - 1e-9


@given(some_tests())
def test_without_a_budget_all_run_and_the_last_failures_first(tests: list[Candidate]) -> None:
    choice = choose(tests, None)
    assert len(choice.chosen) == len(tests)
    assert choice.owed == {}
    failed = [next(one for one in tests if one.test == test).failed_last for test in choice.chosen]
    assert failed == sorted(failed, reverse=True)


def test_a_likely_failure_that_is_quick_comes_before_an_unlikely_slow_one() -> None:
    quick = Candidate(test="quick", seconds=0.1, chance=0.5)
    slow = Candidate(test="slow", seconds=10, chance=0.5)
    unlikely = Candidate(test="unlikely", seconds=0.1, chance=0.01)
    assert [one.test for one in order([slow, unlikely, quick])] == ["quick", "unlikely", "slow"]


@given(st.integers(0, 50), st.integers(0, 50))
def test_more_failures_in_the_past_mean_more_chance(runs: int, failures: int) -> None:
    runs += failures
    less, more = history_chance(Past(runs + 1, failures)), history_chance(Past(runs + 1, failures + 1))
    assert 0 < less < more <= 1.02 / 2 + (failures + 1.02) / (runs + 2)


def test_a_flaky_past_tells_nothing() -> None:
    flaky, calm = Past(10, 5, flaky=True), Past(10, 0)
    assert history_chance(flaky) == history_chance(calm) < history_chance(Past(10, 5))
    assert chance_of_failure(FAILED, flaky, (), {}) < chance_of_failure(FAILED, calm, (), {})


@given(st.integers(1, 1000))
def test_code_that_many_execute_says_less_of_each(count: int) -> None:
    alone = chance_of_failure(SOURCE_CHANGED, Past(), [7], {7: 1})
    shared = chance_of_failure(SOURCE_CHANGED, Past(), [7], {7: count + 1})
    untouched = chance_of_failure(SOURCE_CHANGED, Past(), [], {})
    assert alone > shared > untouched


def test_candidates_are_weighed_by_what_they_execute_themselves() -> None:
    frames = [Frame([0]), Frame([1]), Frame()]
    memory = Memory(
        sources=[("a.py", "old")],
        blocks=[(0, "f"), (0, "g")],
        snapshots={"r": Snapshot({}, [], Frame(), [frames])},
        records={
            "executes f": Record("r", 0, 0, 1.0, "passed"),
            "executes g": Record("r", 0, 1, 1.0, "passed", [], [1]),
            "only follows": Record("r", 0, 2, 1.0, "passed"),
            "proven": Record("r", 0, 0, 1.0, "passed"),
        },
    )
    decisions = dict.fromkeys(list(memory.records)[:3], SOURCE_CHANGED)
    decisions |= {"proven": Proven("r", "passed", 1.0), "new": NEVER}
    found = {
        one.test: one
        for one in candidates(
            memory, decisions, frozenset([1]), {}, must_run=frozenset(["new"]), unknown_seconds=3.0
        )
    }
    assert "proven" not in found
    assert found["executes g"].chance > found["executes f"].chance == found["only follows"].chance
    assert (found["new"].seconds, found["new"].must_run) == (3.0, True)
    assert found["new"].chance == pytest.approx(1 - 0.98 * 0.8)
