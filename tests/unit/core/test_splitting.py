from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core import splitting
from test_framework.core.memory import Frame, Memory, Record, Snapshot
from test_framework.core.splitting import STRATEGIES, complexity_of, links, weighed
from test_framework.model.plan import TestInfo


def made(chain: str, *linked: bool, marks: frozenset[str] = frozenset()) -> list[TestInfo]:
    return [
        TestInfo(f"{chain}::{place}", place, chain, place + 1, chain, marks, linked=each)
        for place, each in enumerate(linked)
    ]


@given(
    strategy=st.sampled_from(STRATEGIES),
    seconds=st.lists(st.floats(0.0, 1e4), min_size=1, max_size=20),
    known=st.dictionaries(st.integers(0, 19), st.integers(0, 500), max_size=20),
)
def test_a_division_changes_no_chains_time(
    strategy: str, seconds: list[float], known: dict[int, int]
) -> None:
    tests = made("a.py", *[False] * len(seconds))
    complexity = {f"a.py::{place}": functions for place, functions in known.items()}
    found = weighed(strategy, tests, tuple(seconds), complexity)
    assert len(found) == len(seconds)
    assert all(each >= 0.0 for each in found)
    assert math.isclose(sum(found), sum(seconds), abs_tol=1e-9)


def test_tests_weigh_what_the_strategy_counts() -> None:
    tests = made("a.py", False, False, False)
    seconds, complexity = (4.0, 1.0, 1.0), {"a.py::0": 1, "a.py::1": 3}
    assert weighed("time_based", tests, seconds, complexity) == seconds
    assert weighed("hybrid", tests, seconds, complexity) == seconds
    assert weighed("count_based", tests, seconds, complexity) == (2.0, 2.0, 2.0)
    first, second, unknown = weighed("complexity_based", tests, seconds, complexity)
    assert second == 2 * first
    assert unknown == pytest.approx(1.5 * first), "what nothing is recorded of is like the mean"


def test_time_alone_takes_apart_what_only_shares_a_fixture() -> None:
    sharing = made("a.py", False, True, True)
    assert links("hybrid", sharing) == (False, True, True)
    assert links("time_based", sharing) == ()
    assert links("dependency_aware", made("a.py", False, False)) == (True, True)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("chain", ["group:one", "serial:benchmark"])
def test_groups_stay_together(strategy: str, chain: str) -> None:
    assert links(strategy, made(chain, True, True)) == (True, True)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_steps_that_build_on_one_another_stay_together(strategy: str) -> None:
    steps = made("a.py", False, True, marks=frozenset({splitting.STEPS}))
    assert links(strategy, steps)[1]


def test_complexity_is_what_was_executed_first_or_by_itself() -> None:
    frames = [Frame(blocks=[1, 2]), Frame(blocks=[3])]
    memory = Memory(snapshots={"r": Snapshot({}, [], Frame(), [frames])})
    record = Record("r", 0, 0, 0.1, "passed")
    memory.records = {
        "a": record,
        "b": replace(record, order=1, own=[1, 2, 3, 4]),
        "before": replace(record, order=-1),
        "forgotten": replace(record, run="gone"),
    }
    assert complexity_of(memory) == {"a": 2, "b": 4}
