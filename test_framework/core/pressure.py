"""How hard each lane has to be stopped now, and how long it gets.

Rules: time that is up and users interrupt a running test, failures let it finish; interrupt comes before
terminate before kill, each with its grace, all within the budget; only a second interrupt or an error of ours
kills at once. A test that took more than half of a scope's time until its deadline has timed out, others are
cancelled.
"""

from __future__ import annotations

from test_framework.core.course import Course
from test_framework.core.instructions import Force, StopLane
from test_framework.core.lanes import Cause, Lane
from test_framework.core.windows import Window
from test_framework.model.outcome import StopReason
from test_framework.model.plan import Plan


class Pressure:
    """Reads lanes and the course of the run; sets how lanes are stopped."""

    def __init__(self, plan: Plan, course: Course) -> None:
        self._plan = plan
        self._course = course

    def due(self, lane: Lane, stop: StopReason | None, now: float) -> list[StopLane]:
        """What the lane is to be told now; the run's own `stop` reason counts for lanes without a test
        too.
        """
        steps = [lane.climb(now), self._press(lane, stop, now)]
        return [step for step in steps if step is not None]

    def _press(self, lane: Lane, stop: StopReason | None, now: float) -> StopLane | None:
        rung = self._rung_seconds(lane)
        if stop is not None and stop >= StopReason.SECOND_INTERRUPT:
            return lane.press(Force.KILL, Cause.CANCEL, now, rung, rung)
        if not lane.ready:
            return lane.press(Force.KILL, Cause.BIRTH, now, rung, rung) if now >= lane.ready_by else None
        if not lane.units:
            late = now >= lane.end_by and lane.force is None
            return lane.press(Force.TERMINATE, Cause.SHUTDOWN, now, rung, rung) if late else None
        if lane.test and now >= lane.test_until:
            return lane.press(Force.INTERRUPT, Cause.LIMIT, now, rung, rung)
        halt = lane.units[0].category.halt
        if halt is None:
            silent = now >= lane.quiet_until and lane.force is None
            return lane.press(Force.TERMINATE, Cause.SILENCE, now, rung, rung) if silent else None
        if halt.reason < StopReason.BUDGET and not halt.at_once:
            return lane.press(Force.AFTER_TEST, Cause.CANCEL, now, rung, self._plan.shutdown_seconds)
        window = halt.window if halt.reason is StopReason.BUDGET else None
        if lane.test and window is not None and window.used_up_by(lane.test_started):
            return lane.press(Force.INTERRUPT, Cause.LIMIT, now, rung, rung)
        return lane.press(
            Force.INTERRUPT, Cause.CANCEL, now, rung, self._patience(lane, halt.reason, now, rung)
        )

    def _window(self, lane: Lane) -> Window:
        return lane.units[0].category.window if lane.units else self._course.last_window

    def _rung_seconds(self, lane: Lane) -> float:
        return self._window(lane).rung_seconds(self._plan.grace_seconds)

    def _patience(self, lane: Lane, reason: StopReason, now: float, rung: float) -> float:
        """Whoever interrupts, but for time, leaves a whole grace period for fixtures, as far as the budget allows."""
        if reason not in (StopReason.INTERRUPT, StopReason.FAILURES):
            return rung
        return max(rung, min(self._plan.grace_seconds, self._window(lane).end - now - 2 * rung))

    def expect_end(self, lane: Lane, stop: StopReason | None, now: float) -> None:
        """A lane without tests was told to end: from now on its time runs."""
        window = self._course.last_window
        rung = window.rung_seconds(self._plan.grace_seconds)
        if lane.force is Force.AFTER_TEST:
            lane.rung_at = min(lane.rung_at, max(window.end - 3 * rung, now + rung))
        elif lane.ready:
            within = max(window.end - 2 * rung, now + rung)
            lane.end_by = min(lane.end_by, now + self._plan.shutdown_seconds, within)
        else:
            lane.ready_by = min(lane.ready_by, now + rung)
        if stop is not None:
            self.hurry(lane, stop, now)

    def hurry(self, lane: Lane, stop: StopReason, now: float) -> None:
        """After a hard stop nobody waits long for a lane that runs no test."""
        if stop < StopReason.BUDGET or lane.units:
            return
        rung = self._rung_seconds(lane)
        if lane.force is Force.AFTER_TEST:
            lane.rung_at = min(lane.rung_at, now + self._patience(lane, stop, now, rung))
        elif lane.closed:
            lane.end_by = min(lane.end_by, now + self._patience(lane, stop, now, rung))
        elif not lane.ready:
            lane.ready_by = min(lane.ready_by, now + rung)
