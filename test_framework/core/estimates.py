"""How long things will take, with how much doubt: from the durations that history has seen.

Rules: pure; seconds throughout. A duration is an exponentially weighted mean and variance: means and variances of
independent tests add up, which quantiles do not. Intervals hold nine times out of ten (normal approximation).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

WEIGHT = 0.3
"""of the newest sample; the one before has 0.7 of that, and so on (the effective number of samples is about six)"""
NINE_OF_TEN = 1.645
"""standard deviations that hold 90 % of a normal distribution"""
UNKNOWN_SECONDS = 0.01
PRIOR_SECONDS = 5.0
"""of expected work before the pace of this run is believed half"""


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


@dataclass(frozen=True, slots=True)
class GroupEstimate:
    """The work of a category or layer: lane seconds, whatever the number of lanes. `unseen`: tests never timed."""

    tests: int
    unseen: int
    work: Duration


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


def guess(known: Iterable[Duration]) -> Duration:
    """What to expect of a test that was never timed: the mean of the known, with all their doubt and difference."""
    rows = [each for each in known if each.count]
    if not rows:
        return Duration(UNKNOWN_SECONDS, UNKNOWN_SECONDS**2)
    mean = sum(each.seconds for each in rows) / len(rows)
    within = sum(each.variance for each in rows) / len(rows)
    between = sum((each.seconds - mean) ** 2 for each in rows) / len(rows)
    return Duration(mean, within + between)


def together(durations: Iterable[Duration]) -> Duration:
    """Several, one after another."""
    seconds = variance = 0.0
    count = 0
    for each in durations:
        seconds += each.seconds
        variance += each.variance
        count += each.count
    return Duration(seconds, variance, count)


def by_group(
    tests: Iterable[str], known: Mapping[str, Duration], group: Callable[[str], str]
) -> dict[str, GroupEstimate]:
    """The work of each group (category, layer) of the tests; tests never timed count with a guess."""
    unseen = guess(known.values())
    members: dict[str, list[Duration]] = {}
    for test in tests:
        members.setdefault(group(test), []).append(known.get(test, unseen))
    return {
        name: GroupEstimate(len(rows), sum(1 for each in rows if not each.count), together(rows))
        for name, rows in members.items()
    }


def wall_seconds(chains: Iterable[Duration], lanes: int, busy: Sequence[Duration] = ()) -> Span:
    """Wall time of chains that cannot be cut on so many lanes, longest first (LPT).

    LPT is at most 4/3 - 1/(3*lanes) times the shortest possible (Graham 1969), and never under the longest chain or
    total / lanes. `busy`: what is left of the work that runs now, one for each lane at most.
    """
    lanes = max(1, lanes)
    loads = [
        (each.seconds, number, each.variance)
        for number, each in enumerate(sorted(busy, key=_seconds)[-lanes:])
    ]
    loads += [(0.0, number, 0.0) for number in range(len(loads), lanes)]
    heapq.heapify(loads)
    for chain in sorted(chains, key=_seconds, reverse=True):
        seconds, number, variance = loads[0]
        heapq.heapreplace(loads, (seconds + chain.seconds, number, variance + chain.variance))
    return Span(
        low=max(0.0, *(seconds - NINE_OF_TEN * sqrt(variance) for seconds, _, variance in loads)),
        expected=max(seconds for seconds, _, _ in loads),
        high=max(seconds + NINE_OF_TEN * sqrt(variance) for seconds, _, variance in loads),
    )


def pace(taken: float, expected: float) -> float:
    """How much slower (over 1) this run is than history: finished tests took `taken`, `expected` was expected."""
    return (taken + PRIOR_SECONDS) / (expected + PRIOR_SECONDS)


def time_left(
    waiting: Iterable[Duration], running: Iterable[tuple[Duration, float]], lanes: int, at_pace: float = 1.0
) -> Span:
    """When a running run will be over: chains that wait, what runs now and for how long it has, and the pace so far."""
    busy = [
        Duration(max(0.0, each.seconds * at_pace - elapsed), each.variance * at_pace**2)
        for each, elapsed in running
    ]
    paced = [Duration(each.seconds * at_pace, each.variance * at_pace**2) for each in waiting]
    return wall_seconds(paced, lanes, busy)


def _seconds(duration: Duration) -> float:
    return duration.seconds
