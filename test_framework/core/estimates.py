"""How long things will take, with how much doubt: from the durations that history has seen.

Rules: pure; seconds throughout. A duration is an exponentially weighted mean and variance: means and variances of
independent tests add up, which quantiles do not. Intervals hold nine times out of ten (normal approximation).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

WEIGHT = 0.3
"""of the newest sample; the one before has 0.7 of that, and so on (the effective number of samples is about six)"""
NINE_OF_TEN = 1.645
"""standard deviations that hold 90 % of a normal distribution"""


@dataclass(frozen=True, slots=True)
class Duration:
    """What one test, or several one after another, are expected to take. `count`: samples behind it."""

    seconds: float = 0.0
    variance: float = 0.0
    count: int = 0

    @property
    def spread(self) -> float:
        """Standard deviation."""
        return sqrt(self.variance)


@dataclass(frozen=True, slots=True)
class Span:
    """An expectation and the limits between which it lies nine times out of ten."""

    low: float
    expected: float
    high: float


def duration_of(samples: Sequence[float]) -> Duration:
    """The duration of a test from its samples, oldest first.

    Exponentially weighted (T. Finch, Incremental calculation of weighted mean and variance, 2009): for a sample with
    the difference d to the mean, mean += a*d and variance = (1-a)*(variance + a*d*d).
    """
    if not samples:
        return Duration()
    mean, variance = samples[0], 0.0
    for sample in samples[1:]:
        difference = sample - mean
        step = WEIGHT * difference
        mean += step
        variance = (1.0 - WEIGHT) * (variance + difference * step)
    return Duration(mean, variance, len(samples))


def wall_seconds(chains: Iterable[Duration], lanes: int) -> Span:
    """Wall time of chains that cannot be cut on so many lanes, longest first (LPT).

    LPT is at most 4/3 - 1/(3*lanes) times the shortest possible (Graham 1969), and never under the longest chain or
    total / lanes.
    """
    loads = [(0.0, number, 0.0) for number in range(max(1, lanes))]
    for chain in sorted(chains, key=_seconds, reverse=True):
        seconds, number, variance = loads[0]
        heapq.heapreplace(loads, (seconds + chain.seconds, number, variance + chain.variance))
    return Span(
        low=max(0.0, *(seconds - NINE_OF_TEN * sqrt(variance) for seconds, _, variance in loads)),
        expected=max(seconds for seconds, _, _ in loads),
        high=max(seconds + NINE_OF_TEN * sqrt(variance) for seconds, _, variance in loads),
    )


def _seconds(duration: Duration) -> float:
    return duration.seconds
