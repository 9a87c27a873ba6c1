"""Chances of failing: what changed and what a test executes itself, its past, its newness; and the rank of chains."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.memory import Frame, Memory, Record, Snapshot
from test_framework.core.proof import Cause, Decision, Proven, Reason, ToRun
from test_framework.core.ranking import (
    OF_A_NEW_TEST,
    OF_A_REACHED_TEST,
    OF_ITS_OWN_CHANGE,
    REMARKABLE,
    STEPS,
    UNREMARKABLE,
    Past,
    by_changes,
    by_history,
    either,
    rank,
)

CHANCE = st.floats(0.001, 0.999, allow_nan=False)
SECONDS = st.floats(0.0, 1000, allow_nan=False)


@given(st.integers(0, 50), st.integers(0, 50))
def test_more_failures_in_the_past_mean_more_chance(runs: int, failures: int) -> None:
    runs += failures
    less, more = Past(runs + 1, failures).chance, Past(runs + 1, failures + 1).chance
    assert 0 < less < more < 1


def test_a_flaky_past_tells_nothing() -> None:
    flaky, calm = Past(10, 5, flaky=True), Past(10, 0)
    assert flaky.chance == calm.chance < Past(10, 5).chance
    failed, failed_flaky = Past(10, 5, failed_last=True), Past(10, 5, flaky=True, failed_last=True)
    assert failed_flaky.chance < failed.chance


def test_only_a_remarkable_past_is_kept() -> None:
    past = {"calm": Past(100, 1), "failed": Past(100, 1, failed_last=True), "often": Past(10, 5)}
    assert list(by_history(past)) == ["failed", "often"]


def test_chances_follow_from_what_a_test_executes_itself() -> None:
    frames = [Frame([0]), Frame([1]), Frame(), Frame()]
    memory = Memory(
        sources=[("a.py", "old")],
        blocks=[(0, "f"), (0, "g")],
        snapshots={"r": Snapshot({}, [], Frame(), [frames])},
        records={
            "x.py::executes_f": Record("r", 0, 0, 1.0, "passed"),
            "x.py::executes_g": Record("r", 0, 1, 1.0, "passed"),
            "x.py::same_file": Record("r", 0, 2, 1.0, "passed"),
            "y.py::follows": Record("r", 0, 3, 1.0, "passed"),
            "x.py::proven": Record("r", 0, 2, 1.0, "passed"),
        },
    )
    changed = ToRun(Reason(Cause.SOURCE, "a.py::g"))
    decisions: dict[str, Decision] = {"x.py::executes_f": ToRun(Reason(Cause.AUDIT))}
    decisions |= dict.fromkeys(list(memory.records)[1:4], changed)
    decisions |= {
        "x.py::proven": Proven("r", "passed", 1.0),
        "z.py::new": ToRun(Reason(Cause.NEVER_RECORDED)),
    }
    found = by_changes(memory, decisions, frozenset([1]), {"y.py::follows": 0.5})
    assert set(found) == {"x.py::executes_g", "x.py::same_file", "y.py::follows", "z.py::new"}
    shared = OF_ITS_OWN_CHANGE / 3**0.5
    reached = either(UNREMARKABLE, OF_A_REACHED_TEST)
    assert found["x.py::executes_g"] == found["x.py::same_file"] == pytest.approx(either(reached, shared))
    assert found["y.py::follows"] == pytest.approx(either(0.5, OF_A_REACHED_TEST))
    assert found["z.py::new"] == pytest.approx(either(UNREMARKABLE, OF_A_NEW_TEST))


@given(st.integers(2, 60))
def test_code_that_many_execute_says_less_of_each(count: int) -> None:
    def chance(sharing: int) -> float:
        tests = [f"t{number}" for number in range(sharing)]
        memory = Memory(
            sources=[("a.py", "old")],
            blocks=[(0, "f")],
            snapshots={"r": Snapshot({}, [], Frame(), [[Frame([0])]])},
            records={test: Record("r", 0, 0, 1.0, "passed", [], [0]) for test in tests},
        )
        decisions: dict[str, Decision] = dict.fromkeys(tests, ToRun(Reason(Cause.SOURCE)))
        return by_changes(memory, decisions, frozenset([0]), {})["t0"]

    assert chance(1) > chance(count) > UNREMARKABLE


@given(st.lists(st.floats(0.001, REMARKABLE, exclude_max=True), max_size=9), SECONDS)
def test_unremarkable_chains_all_have_one_rank(chances: list[float], seconds: float) -> None:
    assert rank(chances, seconds) == 0


@given(st.lists(st.floats(REMARKABLE, 0.99), min_size=1, max_size=9), SECONDS, SECONDS)
def test_a_remarkable_chain_comes_first_and_the_shorter_one_no_later(
    chances: list[float], seconds: float, more: float
) -> None:
    assert STEPS >= rank(chances, seconds) >= rank(chances, seconds + more) > 0


@given(st.lists(CHANCE, min_size=1, max_size=9), SECONDS, SECONDS)
def test_finely_ranked_every_difference_counts(chances: list[float], seconds: float, more: float) -> None:
    assert rank(chances, seconds, finely=True) >= rank(chances, seconds + more, finely=True) > 0
    assert rank([*chances, 0.9], seconds, finely=True) >= rank(chances, seconds, finely=True)
