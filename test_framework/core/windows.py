"""How long a run, a layer or a category may take, and why one of them starts nothing more.

Rules: a deadline begins with its scope and is never later than its parent's; a tenth of a budget (at least 5
s, at most half) is kept for stopping and teardown, and the rungs of the stop ladder are fitted into it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from test_framework.model.outcome import StopReason

RESERVE_SHARE = 0.1
LEAST_RESERVE_SECONDS = 5.0


def working_seconds(budget: float) -> float:
    """How much of a budget may be used for work; the rest is for stopping and teardown."""
    reserve = min(max(budget * RESERVE_SHARE, LEAST_RESERVE_SECONDS), budget / 2)
    return budget - reserve


@dataclass(frozen=True, slots=True)
class Window:
    """When a scope began, until when it may work, and when it must be over (monotonic seconds)."""

    opened_at: float = 0.0
    work_until: float = math.inf
    end: float = math.inf

    def inner(self, now: float, budget: float | None) -> Window:
        """The window of a scope that opens now inside this one."""
        if budget is None:
            return Window(now, self.work_until, self.end)
        return Window(now, min(self.work_until, now + working_seconds(budget)), min(self.end, now + budget))

    def rung_seconds(self, grace: float) -> float:
        """Seconds between interrupt, terminate and kill, so that the last comes before the end."""
        return min(grace / 2, (self.end - self.work_until) / 3) if math.isfinite(self.end) else grace / 2

    def used_up_by(self, test_started: float) -> bool:
        """Whether a test that still runs at the deadline took more than half of the time to work in."""
        if not math.isfinite(self.work_until):
            return False
        return self.work_until - test_started > (self.work_until - self.opened_at) / 2


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a category starts nothing more."""

    reason: StopReason
    words: str
    at_once: bool = False
    """tests that run are interrupted instead of being left to finish"""
    window: Window | None = None
    """the window that is over, when time is the reason"""
