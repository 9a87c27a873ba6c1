from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_framework.core.estimates import (
    Duration,
    duration_of,
    wall_seconds,
)

seconds = st.floats(0, 1e4, allow_nan=False)
durations = st.builds(Duration, seconds, st.floats(0, 1e4), st.integers(1, 20))


def sure(*values: float) -> list[Duration]:
    return [Duration(value, 0.0, 5) for value in values]


@settings(deadline=None)
@given(st.lists(seconds, min_size=1, max_size=30))
def test_a_mean_lies_within_its_samples_and_equal_samples_have_no_spread(samples: list[float]) -> None:
    found = duration_of(samples)
    assert min(samples) - 1e-9 <= found.seconds <= max(samples) + 1e-9
    assert found.variance >= 0
    assert found.count == len(samples)
    assert duration_of([samples[0]] * 7) == Duration(samples[0], 0.0, 7)


def test_the_newest_samples_weigh_most() -> None:
    risen = duration_of([1.0] * 10 + [3.0] * 5)
    assert 2.5 < risen.seconds < 3.0
    assert duration_of([3.0] * 5 + [1.0] * 10).seconds < 1.1


def test_the_variance_is_that_of_the_weighted_samples() -> None:
    samples = [1.0, 2.0, 4.0, 3.0]
    weights = [0.7**3, 0.3 * 0.7**2, 0.3 * 0.7, 0.3]
    mean = sum(w * s for w, s in zip(weights, samples, strict=True))
    variance = sum(w * (s - mean) ** 2 for w, s in zip(weights, samples, strict=True))
    found = duration_of(samples)
    assert math.isclose(found.seconds, mean)
    assert math.isclose(found.variance, variance)


@settings(deadline=None)
@given(st.lists(durations, max_size=40), st.integers(1, 9))
def test_wall_time_is_between_the_bounds_of_longest_first(chains: list[Duration], lanes: int) -> None:
    span = wall_seconds(chains, lanes)
    total, longest = sum(each.seconds for each in chains), max((each.seconds for each in chains), default=0.0)
    shortest = max(longest, total / lanes)
    assert shortest - 1e-6 <= span.expected <= total / lanes + longest * (1 - 1 / lanes) + 1e-6
    assert 0 <= span.low <= span.expected <= span.high


@settings(deadline=None)
@given(st.lists(durations, min_size=1, max_size=20), st.integers(1, 5))
def test_one_more_lane_never_makes_the_work_of_equal_chains_longer(
    chains: list[Duration], lanes: int
) -> None:
    equal = [Duration(chains[0].seconds)] * len(chains)
    assert wall_seconds(equal, lanes + 1).expected <= wall_seconds(equal, lanes).expected + 1e-9


def test_longest_first_balances_the_lanes() -> None:
    assert wall_seconds(sure(3, 3, 2, 2, 2), 2).expected == 7
    assert wall_seconds(sure(5, 1, 1, 1, 1, 1), 2).expected == 5
    assert wall_seconds([], 4).expected == 0


def test_doubt_makes_the_interval_wider() -> None:
    span = wall_seconds([Duration(4.0, 1.0, 9)], 1)
    assert (span.low, span.high) == (pytest.approx(4 - 1.645), pytest.approx(4 + 1.645))
