"""The goals of a full run, and whether the measured scores meet them.

Rules: a goal is stated before it is measured; a score that is missing misses its goal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

XDIST_MEAN = 1.5
XDIST_EACH = 1.2
NEVER_SLOWER = 1.0
LONG_SUITE_SECONDS = 4.0
DISTANCE_LONG = 1.10
DISTANCE_TINY = 1.30


@dataclass(frozen=True, slots=True)
class Scores:
    """Ratios of one suite; None where a contender did not do its work."""

    suite: str
    against_xdist: float | None
    against_serial: float | None
    against_split: float | None
    first_against_xdist: float | None
    distance: float | None
    """ours / limit"""
    limit_against_xdist: float | None
    serial_seconds: float | None

    def ratios(self) -> tuple[float | None, ...]:
        return (
            self.against_xdist,
            self.against_serial,
            self.against_split,
            self.first_against_xdist,
            self.distance,
            self.limit_against_xdist,
        )


@dataclass(frozen=True, slots=True)
class Goal:
    name: str
    wanted: str
    measured: str
    met: bool

    def cells(self) -> tuple[str, str, str, str]:
        return self.name, self.wanted, self.measured, "yes" if self.met else "NO"


def goal_rows(scores: Sequence[Scores]) -> list[Goal]:
    """All goals of a full cold run without the dependency recorder, judged on these suites."""
    mean = figures.geometric_mean(score.against_xdist for score in scores)
    return [
        Goal(
            "xdist/ours, geometric mean",
            f">= {XDIST_MEAN:.2f}x",
            figures.times(mean),
            mean is not None and mean >= XDIST_MEAN,
        ),
        _least(
            "xdist/ours, each suite", XDIST_EACH, [(score.suite, score.against_xdist) for score in scores]
        ),
        _least(
            "serial/ours, each suite", NEVER_SLOWER, [(score.suite, score.against_serial) for score in scores]
        ),
        _least(
            "split/ours, each suite", NEVER_SLOWER, [(score.suite, score.against_split) for score in scores]
        ),
        *(_distance(score) for score in scores),
    ]


def _least(name: str, wanted: float, values: Sequence[tuple[str, float | None]]) -> Goal:
    suite, value = min(values, key=lambda pair: -1.0 if pair[1] is None else pair[1])
    return Goal(
        name,
        f">= {wanted:.2f}x",
        f"{figures.times(value)} ({suite} is the least)",
        value is not None and value >= wanted,
    )


def _distance(score: Scores) -> Goal:
    tiny = score.serial_seconds is None or score.serial_seconds <= LONG_SUITE_SECONDS
    wanted = DISTANCE_TINY if tiny else DISTANCE_LONG
    return Goal(
        f"ours/limit, {score.suite}",
        f"<= {wanted:.2f}x",
        figures.times(score.distance),
        score.distance is not None and score.distance <= wanted,
    )
