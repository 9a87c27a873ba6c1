"""What a test's attempts say about it: how long it takes, how it ended last, and whether it fails without a cause.

Rules: pure; attempts come in the order of their runs. A failure is unexplained when the test also passed on the same
inputs: in the same run, or in runs of the same tree in the same environment. Order dependence is an explanation, and
so is a failure that was not the test's (blame environment, engine, user).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from test_framework.core.estimates import Duration, duration_of
from test_framework.model.outcome import BAD, UNPROVEN

SAMPLES = 20
"""durations that are kept for each test; older ones have no weight left"""
ORDER_DEPENDENT = "order_dependent"
UNTIMED = "untimed"
"""flag of an attempt whose duration is not known (results of other runners)"""

_BAD = frozenset(outcome.value for outcome in BAD)
_UNPROVEN = frozenset(outcome.value for outcome in UNPROVEN)
_PASSED = "passed"
_NOT_THE_TESTS = frozenset({"environment", "engine", "user"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `inputs`: equal for attempts on the same inputs; `began`: when its run began."""

    inputs: str
    run: str
    outcome: str
    seconds: float
    category: str = ""
    blame: str = ""
    flags: tuple[str, ...] = ()
    began: str = ""

    @property
    def decided(self) -> bool:
        return self.outcome not in _UNPROVEN

    @property
    def bad(self) -> bool:
        return self.outcome in _BAD


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The summary of a test's attempts."""

    decided: int = 0
    """attempts that said something about the test"""
    unexplained: int = 0
    """failures although the test passed on the same inputs"""
    recent: tuple[float, ...] = ()
    """the newest durations, oldest first"""
    last_outcome: str = ""
    last_bad: str = ""
    """when the run of its last bad attempt began"""
    category: str = ""
    order_dependent: bool = False

    @property
    def flaky_rate(self) -> float:
        return self.unexplained / self.decided if self.decided else 0.0

    @property
    def duration(self) -> Duration:
        return duration_of(self.recent)

    def after_quiet(self, seconds: float, outcome: str, category: str) -> TrackRecord:
        """The record after one more timed attempt that was neither bad nor on inputs on which the test was ever bad."""
        return TrackRecord(
            self.decided + 1,
            self.unexplained,
            (*self.recent[-SAMPLES + 1 :], seconds),
            outcome,
            self.last_bad,
            category or self.category,
            self.order_dependent,
        )


def track_record(attempts: Sequence[Attempt]) -> TrackRecord:
    """The summary of all attempts of one test, oldest first."""
    decided = [each for each in attempts if each.decided]
    last_bad = [each.began for each in decided if each.bad]
    categories = [each.category for each in attempts if each.category]
    return TrackRecord(
        decided=len(decided),
        unexplained=_unexplained(decided),
        recent=tuple([each.seconds for each in decided if UNTIMED not in each.flags][-SAMPLES:]),
        last_outcome=decided[-1].outcome if decided else "",
        last_bad=last_bad[-1] if last_bad else "",
        category=categories[-1] if categories else "",
        order_dependent=any(ORDER_DEPENDENT in each.flags for each in decided),
    )


def _unexplained(decided: Sequence[Attempt]) -> int:
    explained = {each.run for each in decided if ORDER_DEPENDENT in each.flags}
    passed = {
        each.inputs for each in decided if each.outcome == _PASSED and ORDER_DEPENDENT not in each.flags
    }
    return sum(
        1
        for each in decided
        if each.bad
        and each.blame not in _NOT_THE_TESTS
        and each.inputs in passed
        and each.run not in explained
    )
