"""Decides what runs next. No clock, no process, no await: facts and signals in, instructions out.

Rules: each planned test ends with one final outcome or is owed with a reason; a unit is with one lane only;
nothing starts after a stop; only this module says that time is up or that a failure stops anything; what we
stopped is never called a crash. Passing tests, by far the most facts, touch their own lane only.
"""

from __future__ import annotations

import math

from test_framework.core.course import Course
from test_framework.core.fail_fast import FailFast
from test_framework.core.feeding import Feeder
from test_framework.core.instructions import (
    Finish,
    Force,
    Instruction,
    LaneEnded,
    LaneReady,
    Record,
    Signal,
    UnitEnded,
    WakeAt,
    Woke,
)
from test_framework.core.lanes import Cause, Held, Lane, lane_number, worker_name
from test_framework.core.pressure import Pressure
from test_framework.core.stages import CategoryRun
from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN, Blame, Outcome, StopReason
from test_framework.model.plan import Plan

__all__ = ["Scheduler", "lane_number", "worker_name"]

_STOP_WORDS = {
    StopReason.COLLECTION_ERRORS: "errors while collecting",
    StopReason.FAILURES: "stopped after failures",
    StopReason.TEST_REQUEST: "a test or plug-in ended the run",
    StopReason.BUDGET: "budget: the run's time was up",
    StopReason.SIGNAL: "the run was told to end by a signal",
    StopReason.INTERRUPT: "interrupted by the user",
    StopReason.SECOND_INTERRUPT: "interrupted twice by the user",
    StopReason.INTERNAL_ERROR: "internal error",
}

_BY_THE_USER = frozenset({StopReason.SIGNAL, StopReason.INTERRUPT, StopReason.SECOND_INTERRUPT})


class Scheduler:
    """One run's decisions. Call `start` once, then `handle` for every fact and signal, in order of time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.stop: StopReason | None = None
        """why the run stops early; rises only"""
        self._out: list[Instruction] = []
        self._fail_fast = FailFast(plan)
        self._course = Course(plan, self._fail_fast, self._record)
        self._feeder = Feeder(plan, self._course.categories, self._out)
        self._pressure = Pressure(plan, self._course)
        self._lanes = self._feeder.lanes
        self._numbers: dict[str, int] = {}
        self._wake = math.inf
        self._finished = False

    # -- input ----------------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Instruction]:
        self._course.begin(now)
        self._decide(now)
        return self._take()

    def handle(self, event: f.Fact | Signal, now: float) -> list[Instruction]:
        """What is to be done about a fact or signal; facts that change nothing for the run give no
        instructions.
        """
        if self._finished:
            return []
        calm = False
        match event:
            case f.TestStarted():
                calm = self._test_started(event, now)
            case f.TestFinished():
                calm = self._test_finished(event, now)
            case UnitEnded():
                self._unit_ended(event, now)
            case LaneReady():
                self._lane_ready(event)
            case LaneEnded():
                self._lane_ended(event, now)
            case f.CancelRequested():
                self._cancelled(event, now)
            case Woke():
                self._wake = math.inf
            case _:
                return []
        if not calm:
            self._decide(now)
        return self._take()

    def _take(self) -> list[Instruction]:
        if not self._out:
            return []
        out = self._out[:]
        self._out.clear()
        return out

    def _lane_of(self, worker: str) -> Lane | None:
        number = self._numbers.get(worker)
        if number is None:
            number = self._numbers[worker] = lane_number(worker)
        return self._lanes.get(number)

    # -- what happened --------------------------------------------------------------------------------------

    def _test_started(self, fact: f.TestStarted, now: float) -> bool:
        """True when nothing else has to be decided."""
        lane = self._lane_of(fact.worker)
        if lane is None or not lane.units:
            return True
        category = lane.units[0].category
        lane.test, lane.attempt, lane.test_started = fact.test, fact.attempt, now
        lane.quiet_until = math.inf
        limit = category.plan.test_timeout_seconds
        if limit is not None:
            lane.test_until = now + limit
            self._wake_at(lane.test_until)
        return lane.force is None and category.halt is None

    def _test_finished(self, fact: f.TestFinished, now: float) -> bool:
        """True when nothing else has to be decided."""
        lane = self._lane_of(fact.worker)
        if lane is None:
            return True
        if lane.test == fact.test:
            lane.test, lane.test_until = "", math.inf
            lane.quiet_until = now + self.plan.shutdown_seconds
            if lane.force is Force.INTERRUPT and lane.cause is Cause.LIMIT:
                lane.release()
        for held in lane.units:
            if fact.test in held.open:
                index = held.open.pop(fact.test)
                if self._retried(held, index, lane, fact):
                    return False
                self._account(held.category, lane, fact, now)
                calm = lane.force is None and held.category.halt is None and fact.outcome not in UNPROVEN
                if calm:
                    self._wake_at(lane.quiet_until)
                return calm
        return True

    def _retried(self, held: Held, index: int, lane: Lane, fact: f.TestFinished) -> bool:
        """Whether a bad test is run again before it counts."""
        if fact.outcome not in BAD or self.stop is not None:
            return False
        if not held.category.retry(fact.test, held.chain, index):
            return False
        lane.reported += 1
        lane.spent = lane.spent or self.plan.renews_lanes
        return True

    def _account(self, category: CategoryRun, lane: Lane, fact: f.TestFinished, now: float) -> None:
        if fact.outcome in UNPROVEN:
            self._course.owe(
                category, fact.test, fact.message or f"{fact.outcome.value}: {self._why(category)}"
            )
            return
        lane.reported += 1
        category.retrying.discard(fact.test)
        category.executed += 1
        category.bad += fact.outcome in BAD
        scope = self._fail_fast.after(fact, category)
        if scope is None or self.stop is not None or category.halt is not None:
            return
        if scope.scope == "run":
            self._raise_stop(StopReason.FAILURES, now, scope.message, at_once=scope.at_once)
        else:
            self._course.halt(scope.scope, StopReason.FAILURES, scope.message, at_once=scope.at_once)
        self._record(f.CancelRequested(reason="failures", scope=scope.scope, message=scope.message))

    def _unit_ended(self, event: UnitEnded, now: float) -> None:
        lane = self._lanes.get(event.lane)
        if lane is None:
            return
        held = next((each for each in lane.units if each.unit.id == event.unit), None)
        if held is None:
            return
        lane.units.remove(held)
        lane.kept = lane.kept or event.kept
        lane.quiet_until = now + self.plan.shutdown_seconds if lane.units else math.inf
        held.category.busy -= 1
        if held.ends_lane and not lane.kept:
            lane.over = True
            held.category.pool.release(lane.number)
        if lane.test in held.open:
            lane.test, lane.test_until = "", math.inf
        for test in held.open:
            self._course.owe(held.category, test, f"{lane.name} ended the unit without reporting this test")

    def _lane_ready(self, event: LaneReady) -> None:
        lane = self._lanes.get(event.lane)
        if lane is not None:
            lane.ready, lane.ready_by = True, math.inf

    def _cancelled(self, event: f.CancelRequested, now: float) -> None:
        reason = StopReason[event.reason.upper()]
        if event.scope == "run":
            self._raise_stop(reason, now)
        else:
            self._course.halt(event.scope, reason, event.message or _STOP_WORDS[reason])

    # -- a lane is gone -------------------------------------------------------------------------------------

    def _lane_ended(self, event: LaneEnded, now: float) -> None:
        lane = self._lanes.get(event.lane)
        if lane is None:
            return
        asked = lane.closed or lane.force is not None
        if lane.test or event.reason or not asked:
            reason = event.reason or ("ended while a test ran" if asked else "ended unasked")
            self._record(f.WorkerLost(worker=lane.name, generation=0, reason=reason, test=lane.test))
        if lane.test:
            self._blame(event, lane, now)
        told = (lane.closed and not lane.units) or self._cancels(lane)
        self._feeder.gone(lane, lost=not lane.reported and not told)
        for held in reversed(lane.units):
            held.category.busy -= 1
            held.category.pool.give_back(held.chain, held.open.values())
        if lane.closed and event.reason and not lane.units:
            message = f"{lane.name} had run its tests, but did not end well: {event.reason}"
            self._record(f.AlertRaised(kind="shutdown", message=message, detail=event.detail))
        if self._feeder.exhausted and not self._course.over:
            message = f"lanes keep ending without deciding a test: {event.reason or 'no reason was given'}"
            self._fail_the_run(message, now)

    @staticmethod
    def _cancels(lane: Lane) -> bool:
        return lane.force is not None and lane.cause is Cause.CANCEL

    def _blame(self, event: LaneEnded, lane: Lane, now: float) -> None:
        """The test that was running when its lane ended: blamed for that, unless we stopped the lane for
        another.
        """
        held = next((each for each in lane.units if lane.test in each.open), None)
        if held is None:
            return
        category, blame = held.category, Blame.TEST
        if lane.force is not None and lane.force >= Force.INTERRUPT:
            if lane.cause is Cause.CANCEL:
                outcome, message = Outcome.NOT_RUN, f"cancelled while it ran: {self._why(category)}"
                blame = Blame.USER if self.stop in _BY_THE_USER else Blame.ENGINE
            elif lane.cause is Cause.LIMIT and lane.test == lane.aim:
                outcome, message = Outcome.TIMED_OUT, event.message or "timed out: its lane had to be killed"
            else:
                return
        elif event.oom:
            outcome, message = Outcome.OOM, event.reason
        else:
            outcome, message = Outcome.CRASHED, event.reason or "its lane ended unasked"
        fact = f.TestFinished(
            test=lane.test,
            attempt=lane.attempt,
            outcome=outcome,
            category=category.name,
            layer=category.layer,
            worker=lane.name,
            seconds=max(0.0, now - lane.test_started),
            blame=blame,
            message=message,
            detail=event.detail,
        )
        index = held.open.pop(lane.test)
        self._record(fact)
        if not self._retried(held, index, lane, fact):
            self._account(category, lane, fact, now)

    # -- what follows ---------------------------------------------------------------------------------------

    def _decide(self, now: float) -> None:
        if self._course.keep_time(now):
            self._raise_stop(StopReason.BUDGET, now)
            self._record(f.CancelRequested(reason="budget", message=_STOP_WORDS[StopReason.BUDGET]))
        for lane in list(self._lanes.values()):
            self._out += self._pressure.due(lane, self.stop, now)
            if lane.given_up:
                self._give_up(lane, now)
        self._course.advance(now)
        if self.stop is None:
            self._feeder.fill(now)
        for lane in self._feeder.tell_what_follows(now):
            self._pressure.expect_end(lane, self.stop, now)
        if not self._lanes and self._course.over:
            self._finished = True
            self._out.append(Finish())
            return
        self._ask_to_wake()

    def _give_up(self, lane: Lane, now: float) -> None:
        """The kernel cannot end it: the run goes on, or ends, without it."""
        message = f"{lane.name} could not be killed; its process may be left over"
        self._record(f.AlertRaised(kind="unkillable", message=message))
        self._lane_ended(LaneEnded(lane=lane.number, reason="could not be killed"), now)

    # -- small words ----------------------------------------------------------------------------------------

    def _raise_stop(self, reason: StopReason, now: float, words: str = "", *, at_once: bool = False) -> None:
        if self.stop is not None and reason <= self.stop:
            return
        self.stop = reason
        self._course.stop(reason, words or _STOP_WORDS[reason], at_once=at_once)
        for lane in self._lanes.values():
            self._pressure.hurry(lane, reason, now)

    def _fail_the_run(self, message: str, now: float) -> None:
        self._raise_stop(StopReason.INTERNAL_ERROR, now, message)
        self._record(f.CancelRequested(reason="internal_error", message=message))

    @staticmethod
    def _why(category: CategoryRun) -> str:
        return category.halt.words if category.halt is not None else "no reason was given"

    def _record(self, fact: f.Fact) -> None:
        self._out.append(Record(fact=fact))

    def _wake_at(self, at: float) -> None:
        if at < self._wake:
            self._wake = at
            self._out.append(WakeAt(at=at))

    def _ask_to_wake(self) -> None:
        soonest = self._course.next_time()
        for lane in self._lanes.values():
            soonest = min(soonest, lane.next_time())
        self._wake_at(soonest)
