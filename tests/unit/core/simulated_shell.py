"""The dispatcher's stand-in: carries out a scheduler's instructions on simulated lanes, with a virtual clock.

Rules: facts are stamped, encoded and folded before the scheduler hears of them, as in the real shell; after each
step the `Referee` looks whether every promise of the core still holds.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from test_framework.core.instructions import (
    CloseLane,
    Finish,
    HoldLane,
    Instruction,
    LaneEnded,
    LaneReady,
    OpenLane,
    Record,
    StartUnit,
    StopLane,
    UnitEnded,
    WakeAt,
    Woke,
)
from test_framework.core.run_state import RunState
from test_framework.core.scheduler import Scheduler
from test_framework.model import facts as f
from test_framework.model.plan import Plan
from test_framework.model.wire import encode
from tests.unit.core.referee import Referee
from tests.unit.core.simulated_lane import Fate, Nature, SimulatedLane

MOST_STEPS = 50_000
MOST_WAKES_AT_ONCE = 20


@dataclass
class World:
    """What happens around a plan: fates of its tests, natures of its lanes, and cancels from outside."""

    fates: dict[str, Fate] = field(default_factory=dict)
    natures: list[Nature] = field(default_factory=list)
    """in the order of births; when they run out, lanes are good"""
    always: Nature | None = None
    """the nature of every lane"""
    cancels: list[tuple[float, str, str]] = field(default_factory=list)
    """(second, reason, scope)"""


class Shell:
    def __init__(self, plan: Plan, world: World) -> None:
        self.plan = plan
        self.world = world
        self.fates = world.fates
        self.scheduler = Scheduler(plan)
        self.state = RunState(run="simulated")
        self.lines: list[bytes] = []
        self.facts: list[f.Fact] = []
        self.facts_at: list[float] = []
        self.instructions: list[tuple[float, Instruction]] = []
        self.now = 0.0
        self.finished = False
        self.tried: set[str] = set()
        """flaky tests that have failed"""
        self.lanes: dict[int, SimulatedLane] = {}
        self.referee = Referee(self)
        self._births = 0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._tick = 0
        self._wake = math.inf
        self._wakes = (0.0, 0)

    def after(self, seconds: float, what: Callable[..., None], *arguments: Any) -> None:
        self._tick += 1
        heapq.heappush(self._heap, (self.now + seconds, self._tick, what, arguments))

    def run(self) -> Shell:
        """Until the scheduler says that it is finished. Raises AssertionError when a promise is broken."""
        planned = sum(
            len(chain.tests)
            for layer in self.plan.layers
            for category in layer.categories
            for chain in category.chains
        )
        self.record(f.RunPlanned(collected=planned, planned=planned))
        for second, reason, scope in self.world.cancels:
            self.after(second, self.hear, None, f.CancelRequested(reason=reason, scope=scope))
        self.obey(self.scheduler.start(0.0))
        steps = 0
        while not self.finished:
            assert self._heap, "deadlock: nothing will happen any more and the run is not finished"
            steps += 1
            assert steps < MOST_STEPS, "the run does not end"
            self.now, _, what, arguments = heapq.heappop(self._heap)
            what(*arguments)
        self.referee.at_the_end()
        return self

    def record(self, fact: f.Fact) -> None:
        self.lines.append(encode(len(self.lines), "2026-01-01T00:00:00.000000Z", self.now, "simulated", fact))
        self.facts.append(fact)
        self.facts_at.append(self.now)
        self.state.apply(fact, round(self.now, 6))
        self.referee.recorded(fact)

    def hear(self, lane: SimulatedLane | None, event: Any) -> None:
        """A lane, or the user, says something."""
        if self.finished or (lane is not None and self.lanes.get(lane.number) is not lane):
            return
        if not isinstance(event, LaneReady | UnitEnded | LaneEnded | Woke):
            self.record(event)
        self.referee.heard(lane, event)
        if isinstance(event, LaneEnded):
            del self.lanes[event.lane]
        self.obey(self.scheduler.handle(event, self.now))

    def obey(self, instructions: list[Instruction]) -> None:
        assert not self.finished or not instructions, "an instruction after the end"
        for instruction in instructions:
            self.instructions.append((self.now, instruction))
            self.referee.told(instruction)
            match instruction:
                case Record():
                    self.record(instruction.fact)
                case OpenLane():
                    self.lanes[instruction.lane] = SimulatedLane(self, instruction.lane, self.next_nature())
                case WakeAt():
                    if instruction.at < self._wake:
                        self._wake = instruction.at
                        self.after(max(0.0, instruction.at - self.now), self.wake, instruction.at)
                case Finish():
                    self.finished = True
                case StartUnit() | HoldLane() | CloseLane() | StopLane():
                    self.tell(self.lanes[instruction.lane], instruction)
        self.referee.after_step()

    def tell(self, lane: SimulatedLane, instruction: Instruction) -> None:
        delay = lane.nature.latency
        match instruction:
            case StartUnit():
                self.after(delay, lane.take, instruction.unit)
            case HoldLane():
                self.after(delay, lane.be_held)
            case CloseLane():
                self.after(delay, lane.be_closed)
            case StopLane():
                self.after(delay, lane.be_stopped, instruction)

    def wake(self, at: float) -> None:
        if at != self._wake or self.finished:
            return
        self._wake = math.inf
        when, count = self._wakes
        self._wakes = (self.now, count + 1 if when == self.now else 1)
        assert self._wakes[1] <= MOST_WAKES_AT_ONCE, "it asks to be woken again and again at the same moment"
        self.obey(self.scheduler.handle(Woke(), self.now))

    def next_nature(self) -> Nature:
        self._births += 1
        if self.world.always is not None:
            return self.world.always
        natures = self.world.natures
        return natures[self._births - 1] if self._births <= len(natures) else Nature()

    def test_begins(self, lane: SimulatedLane, test: str) -> None:
        self.referee.test_begins(lane, test)
