"""Carries out a plan: lane messages become facts, facts go to the journal and the scheduler, instructions to the lanes.

Rules: one fact at a time, in the event loop's own thread; a fact is journaled and folded before the scheduler hears
of it; nothing is decided here. The whole of a batch is written and shown at its end.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from test_framework.core.instructions import (
    CloseLane,
    Finish,
    Force,
    HoldLane,
    Instruction,
    LaneEnded,
    LaneReady,
    OpenLane,
    Record,
    Signal,
    StartUnit,
    StopLane,
    UnitEnded,
    WakeAt,
    Woke,
)
from test_framework.core.scheduler import Scheduler, worker_name
from test_framework.core.second_look import Order
from test_framework.engine import telling
from test_framework.engine.executor import Executor, Recording
from test_framework.engine.journal import Journal
from test_framework.engine.telling import Place
from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN, Outcome
from test_framework.model.plan import Plan, TestInfo

TICK_SECONDS = 0.1
ORDER_DEPENDENT = "order_dependent"
"""flag of a test that failed apart from the tests before it and is well in pytest's own order"""
CONTENDED = "contended"
"""flag of a test that needed a port which another lane held: it says nothing until it has run alone"""
LANE_DEPENDENT = "lane_dependent"
"""flag of a test that failed beside other lanes and is well alone"""
REPEATABLE = frozenset({Outcome.FAILED, Outcome.ERROR})


class Dispatcher:
    """Runs one plan on one executor; `run` returns when nothing runs and nothing is left."""

    def __init__(
        self,
        plan: Plan,
        tests: Mapping[str, TestInfo],
        executor: Executor,
        journal: Journal,
        on_tick: Callable[[], None],
        environment: str = "test",
        suspects: frozenset[str] | None = None,
        recording: Recording | None = None,
        why: str = ORDER_DEPENDENT,
    ) -> None:
        """`suspects`: this is a second look; the other tests just run before them, only those that come out better are
        facts, and `why` is their flag.
        """
        self.plan = plan
        self.executor = executor
        self.journal = journal
        self.scheduler = Scheduler(plan)
        self._on_tick = on_tick
        self.weigh: Callable[[f.TestFinished], f.TestFinished] = lambda fact: fact
        self._environment = environment
        self._tests = tests
        self._places: dict[int, Place] = {}
        self._suspects = suspects
        self._why = why
        self._recording = recording
        state = journal.state
        self._attempt = (
            1 if suspects is None else 1 + max((state.attempts.get(t, 1) for t in suspects), default=1)
        )
        self._tried: Counter[str] = Counter()
        """attempts that were bad and may be followed by another"""
        self.order = Order(plan, lambda test: tests[test].index)
        self._asks = failures_may_stop(plan)
        self._place_tests()
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = 0.0
        self._queue: deque[f.Fact | Signal] = deque()
        self._working = False
        self._stopping: dict[int, str] = {}
        self._last_unit: dict[int, str] = {}
        self._generations: dict[int, int] = {}
        self._waiting: dict[int, int] = {}
        """lane -> units that it has been given and not ended"""

    def _place_tests(self) -> None:
        for layer in self.plan.layers:
            for category in layer.categories:
                for chain in category.chains:
                    for test in chain.tests:
                        info = self._tests[test]
                        location = f"{info.file}:{info.line}" if info.line else info.file
                        self._places[info.index] = Place(test, category.name, layer.id, location)

    # -- the run ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        self.executor.begin(self, self.plan.lanes, self._asks)
        self._obey(self.scheduler.start(self._now()))
        self._drain()
        self.journal.flush()
        ticker = self._loop.call_later(TICK_SECONDS, self._tick)
        try:
            await self._done.wait()
        finally:
            ticker.cancel()
            if self._ticker is not None:
                self._ticker.cancel()
            if self._wake is not None:
                self._wake.cancel()
        self.journal.flush()

    def cancel(self, reason: str, message: str) -> None:
        """Stop the run; `reason` is the lower-case name of a StopReason."""
        self.hear(f.CancelRequested(reason=reason, scope="run", message=message))
        self.journal.flush()

    def hear(self, event: f.Fact | Signal) -> None:
        """Take one fact or signal, and everything that follows from it."""
        self._queue.append(event)
        self._drain()

    def _drain(self) -> None:
        if self._working:
            return
        self._working = True
        try:
            while self._queue:
                event = self._queue.popleft()
                if not isinstance(event, LaneReady | UnitEnded | LaneEnded | Woke) and self._counts(event):
                    self.journal.record(event)
                if isinstance(event, f.TestFinished) and event.outcome in BAD:
                    self._tried[event.test] += 1
                instructions = self.scheduler.handle(event, self._now())
                if instructions:
                    self._obey(instructions)
        finally:
            self._working = False

    def _counts(self, fact: f.Fact) -> bool:
        """Whether a fact is one of this run's: of a second look only what it changes about its suspects is."""
        if self._suspects is None:
            return True
        if isinstance(fact, f.TestFinished):
            return fact.test in self._suspects and fact.outcome not in BAD and fact.outcome not in UNPROVEN
        return isinstance(fact, f.WorkerStarted | f.WorkerLost | f.AlertRaised | f.CancelRequested)

    def bad_apart(self) -> frozenset[str]:
        """Tests that failed where pytest might not have let them fail, or because of another lane."""
        failures = self.journal.state.failures
        return frozenset(
            test for test in self.bad() if CONTENDED in failures[test].flags or self.order.apart(test)
        )

    def _attempt_of(self, test: str) -> int:
        """The number of the attempt that runs, or runs next."""
        return self._attempt + self._tried[test]

    def bad(self) -> frozenset[str]:
        """Tests that failed in a way that may be judged again."""
        failures = self.journal.state.failures.values()
        return frozenset(fact.test for fact in failures if fact.outcome in REPEATABLE)

    def _now(self) -> float:
        return self._loop.time()

    _ticker: asyncio.TimerHandle | None = None

    def _tick(self) -> None:
        self.journal.flush()
        self._on_tick()
        self._ticker = self._loop.call_later(TICK_SECONDS, self._tick)

    # -- instructions -----------------------------------------------------------------------------------------

    def _obey(self, instructions: list[Instruction]) -> None:
        for instruction in instructions:
            match instruction:
                case Record():
                    if self._counts(instruction.fact):
                        self.journal.record(self._completed(instruction.fact))
                    if isinstance(instruction.fact, f.TestFinished) and instruction.fact.outcome in BAD:
                        self._tried[instruction.fact.test] += 1
                case StartUnit():
                    self._start_unit(instruction)
                case WakeAt():
                    self._wake_up_at(instruction.at)
                case OpenLane():
                    self._waiting[instruction.lane] = 0
                    self.executor.open_lane(instruction.lane)
                case HoldLane():
                    self.executor.tell_lane(instruction.lane, {"op": "hold"})
                    self.executor.hungry(instruction.lane, True)
                case CloseLane():
                    self.executor.tell_lane(instruction.lane, {"op": "close"})
                    self.executor.hungry(instruction.lane, False)
                case StopLane():
                    self._stop_lane(instruction)
                case Finish():
                    self._done.set()

    def _start_unit(self, instruction: StartUnit) -> None:
        lane, unit = instruction.lane, instruction.unit
        if not self._tried[unit.tests[0]]:  # a retry is by itself on purpose
            self.order.given(lane, unit)
        message: dict[str, Any] = {
            "op": "unit",
            "unit": unit.id,
            "tests": [self._tests[test].index for test in unit.tests],
        }
        if self._last_unit.get(lane) != f"{unit.layer}/{unit.category}":
            self._last_unit[lane] = f"{unit.layer}/{unit.category}"
            message["environment"] = {
                "APEX_LAYER": unit.layer,
                "APEX_CATEGORY": unit.category,
                "TEST_ENV": self._environment,
            }
        self.executor.tell_lane(lane, message)
        self._waiting[lane] = self._waiting.get(lane, 0) + 1
        self.executor.hungry(lane, self._waiting[lane] < 2)

    def _stop_lane(self, instruction: StopLane) -> None:
        info = self._tests.get(instruction.test)
        index = info.index if info is not None else -1
        message = "the run is being stopped"
        if instruction.why == "timed_out":
            limit = self._limit_of(index)
            message = (
                f"timed out after {limit:g} s"
                if limit is not None
                else "timed out: the time of its category is up"
            )
        self._stopping[instruction.lane] = message
        if instruction.ends and instruction.force is Force.INTERRUPT:
            self.executor.tell_lane(instruction.lane, {"op": "stop"})
        self.executor.stop_lane(instruction.lane, instruction.force, index, instruction.why, message)
        if instruction.force is not Force.AFTER_TEST:
            self.executor.hungry(instruction.lane, True)

    def _limit_of(self, index: int) -> float | None:
        place = self._places.get(index)
        for layer in self.plan.layers:
            for category in layer.categories:
                if place is not None and (layer.id, category.name) == (place.layer, place.category):
                    return category.test_timeout_seconds
        return None

    def _wake_up_at(self, at: float) -> None:
        if (
            self._wake is not None
            and not self._wake.cancelled()
            and self._wake_at <= at
            and self._wake_at > self._now()
        ):
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at = at
        self._wake = self._loop.call_at(at, self._woke)

    def _woke(self) -> None:
        self._wake = None
        self.hear(Woke())
        self.journal.flush()

    def _completed(self, fact: f.Fact) -> f.Fact:
        """A scheduler's fact with what only the shell knows: generation of a lane, location of a test."""
        if isinstance(fact, f.WorkerLost):
            lane = int(fact.worker[2:])
            return replace(fact, generation=self._generations.get(lane, 0))
        if isinstance(fact, f.TestFinished) and not fact.location:
            place = self._places.get(self._tests[fact.test].index)
            return replace(fact, location=place.location) if place is not None else fact
        return fact

    # -- what the executor tells ------------------------------------------------------------------------------

    def lane_started(self, lane: int, generation: int, pid: int) -> None:
        self._generations[lane] = generation
        self.hear(f.WorkerStarted(worker=worker_name(lane), generation=generation, pid=pid))

    def lane_said(self, lane: int, message: list[Any]) -> None:
        kind = message[0]
        worker = worker_name(lane)
        if kind == "s":
            place = self._places[message[1]]
            self.hear(
                f.TestStarted(
                    test=place.test,
                    attempt=self._attempt_of(place.test),
                    category=place.category,
                    layer=place.layer,
                    worker=worker,
                )
            )
        elif kind == "p":
            self._finished(worker, message[1], message[2], Outcome.PASSED, {})
        elif kind == "f":
            outcome = Outcome(message[3]["outcome"])
            self._finished(worker, message[1], message[2], outcome, message[3])
            if self._asks and outcome in REPEATABLE and lane not in self._stopping:
                self.executor.tell_lane(lane, {"op": "go"})
        elif kind == "d":
            if self._recording is not None:
                test = self._places[message[2]].test
                chain = self._tests[test].chain
                attempt = self.journal.state.attempts.get(test, self._attempt)
                self._recording.test_recorded(test, chain, attempt, worker, message)
        elif kind == "u":
            self._unit_over(lane, message)
        elif kind == "i":
            self._interrupted(lane, message)
        elif kind == "r":
            self.hear(LaneReady(lane=lane))
        else:
            self._rare(kind, message)

    def _finished(
        self, worker: str, index: int, seconds: float, outcome: Outcome, result: dict[str, Any]
    ) -> None:
        place = self._places[index]
        fact = telling.finished(place, self._attempt_of(place.test), worker, seconds, outcome, result)
        if self._suspects is not None and outcome not in BAD:
            before = self.journal.state.failures.get(fact.test)
            why = CONTENDED if before is not None and CONTENDED in before.flags else self._why
            fact = replace(fact, flags=(*fact.flags, why))
        self.order.took(fact.test, seconds)
        self.hear(self.weigh(fact))

    def _unit_over(self, lane: int, message: list[Any]) -> None:
        self._waiting[lane] = self._waiting.get(lane, 1) - 1
        why_kept = str(message[2]) if len(message) > 2 else ""
        if why_kept and self._recording is not None:
            self._recording.lane_kept(worker_name(lane), why_kept)
        self.hear(UnitEnded(lane=lane, unit=message[1], kept=bool(why_kept)))

    def _interrupted(self, lane: int, message: list[Any]) -> None:
        """A lane stopped a test because it was told to, and could say so itself."""
        why, detail = message[3]
        outcome = Outcome.TIMED_OUT if why == "timed_out" else Outcome.NOT_RUN
        text = self._stopping.get(lane, "")
        if outcome is Outcome.NOT_RUN:
            text = f"cancelled while it ran: {self.journal.state.stop_message or text}"
        self._finished(
            worker_name(lane), message[1], message[2], outcome, {"message": text, "detail": detail}
        )

    def _rare(self, kind: str, message: list[Any]) -> None:
        place = self._places[message[1]] if kind in ("b", "e") else None
        for fact in telling.rare(kind, place, self._attempt_of(place.test) if place else 1, message):
            self.hear(fact)

    def lane_ended(self, lane: int, reason: str, stack: str, oom: bool) -> None:
        self.order.lane_gone(lane)
        self._last_unit.pop(lane, None)
        self._waiting.pop(lane, None)
        message = self._stopping.pop(lane, "")
        self.hear(LaneEnded(lane=lane, reason=reason, detail=stack, oom=oom, message=message))

    def left_behind(self, argv: list[str], pid: int, test: str) -> None:
        whose = test or "a test"
        text = f"{whose} left a process behind, which was killed: pid {pid}, {' '.join(argv)[:300]}"
        self.hear(f.AlertRaised(kind="leak", message=text))

    def degraded(self, message: str) -> None:
        self.hear(f.AlertRaised(kind="degraded", message=message))

    def executor_lost(self, reason: str) -> None:
        self.hear(f.AlertRaised(kind="engine", message=reason))
        self.hear(f.CancelRequested(reason="internal_error", scope="run", message=reason))

    def batch_over(self) -> None:
        self.journal.flush()


def failures_may_stop(plan: Plan) -> bool:
    """Whether a bad test may stop more than itself, so that lanes have to ask before they go on."""
    if plan.max_failures or plan.fail_fast_mode in ("first_failure", "critical_failure", "threshold_based"):
        return True
    if plan.fail_fast_mode == "smart_adaptive":
        return True
    return plan.fail_fast_mode == "layers" and any(layer.fail_fast != "disabled" for layer in plan.layers)
