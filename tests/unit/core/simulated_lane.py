"""A lane of the simulated shell: runs tests as their fates say, obeys or not, and dies when it likes.

Rules: it behaves as a real lane does at its pipes (waits before its last test until it knows what follows, ends
after the test it was told to end after); everything it says arrives `latency` seconds later, in order.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from test_framework.core.instructions import Force, LaneEnded, LaneReady, StopLane, UnitEnded
from test_framework.core.lanes import worker_name
from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.model.plan import Unit

if TYPE_CHECKING:
    from tests.unit.core.simulated_shell import Shell

DYING_SECONDS = 0.01

CALM_FATES = ("pass", "fail", "error", "skip", "flaky")
"""flaky: fails when it first runs, and passes after that"""
WILD_FATES = ("crash", "exit", "oom", "hang", "brittle", "deaf", "deafest")
OUTCOMES = {
    "pass": Outcome.PASSED,
    "fail": Outcome.FAILED,
    "error": Outcome.ERROR,
    "skip": Outcome.SKIPPED,
}
DEATHS = {
    "crash": "killed by SIGSEGV",
    "exit": "exited early with status 0",
    "oom": "killed by the kernel: out of memory",
}


@dataclass
class Fate:
    """What a test does: how it ends and after how many seconds; hanging ones never end by themselves."""

    kind: str
    seconds: float


@dataclass
class Nature:
    """What kind of lane is born. `after`: tests until it dies or falls silent between two tests."""

    kind: str = "good"
    after: int = 0
    birth_seconds: float = 0.003
    teardown_seconds: float = 0.01
    latency: float = 0.0


class SimulatedLane:
    def __init__(self, shell: Shell, number: int, nature: Nature) -> None:
        self.shell = shell
        self.number = number
        self.nature = nature
        self.queue: deque[tuple[Unit, str, bool]] = deque()
        self.hold = self.closed = self.stopping = self.stuck = False
        self.alive = True
        self.ready = False
        self.ending = False
        self.test = ""
        self.unit: Unit | None = None
        self.last = False
        self.began = 0.0
        self.ran: list[str] = []
        self.died_of = ""
        """why it died by itself, while `test` was running"""
        if nature.kind == "stillborn":
            self.shell.after(nature.birth_seconds, self.die, "exited early with status 3")
        elif nature.kind != "unborn":
            self.shell.after(nature.birth_seconds, self.be_ready)

    def say(self, event: object) -> None:
        self.shell.after(self.nature.latency, self.shell.hear, self, event)

    def be_ready(self) -> None:
        if self.alive:
            self.ready = True
            self.say(LaneReady(lane=self.number))
            self.go_on()

    # -- what it is told --------------------------------------------------------------------------------------

    def take(self, unit: Unit) -> None:
        self.queue.extend((unit, test, test == unit.tests[-1]) for test in unit.tests)
        self.hold = False
        self.go_on()

    def be_held(self) -> None:
        self.hold = True
        self.go_on()

    def be_closed(self) -> None:
        self.closed = True
        self.go_on()

    def be_stopped(self, order: StopLane) -> None:
        if not self.alive:
            return
        kind = self.shell.fates[self.test].kind if self.test else ""
        match order.force:
            case Force.KILL:
                if self.nature.kind != "immortal":
                    self.shell.after(DYING_SECONDS, self.die, "killed by SIGKILL", True)
            case Force.TERMINATE:
                if self.nature.kind not in ("immortal", "unborn") and kind != "deafest":
                    self.shell.after(DYING_SECONDS, self.die, "killed by SIGTERM", True)
            case Force.AFTER_TEST:
                self.stopping = True
                self.go_on()
            case Force.INTERRUPT:
                self.be_interrupted(order, kind)

    def be_interrupted(self, order: StopLane, kind: str) -> None:
        if order.why == "cancelled":
            self.stopping = True
        if not self.test:
            self.go_on()
        elif kind == "brittle" and (order.test == self.test or order.why == "cancelled"):
            self.die("killed by SIGABRT", True)
        elif kind not in ("deaf", "deafest") and (order.test == self.test or order.why == "cancelled"):
            self.finish(Outcome.TIMED_OUT if order.why == "timed_out" else Outcome.NOT_RUN)

    # -- what it does -----------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Begin the next test when that is possible; the real lane's loop."""
        if not self.alive or not self.ready or self.test or self.stuck or self.ending:
            return
        if self.nature.kind == "dies" and len(self.ran) >= self.nature.after and self.queue:
            self.die("killed by SIGBUS")
        elif self.nature.kind == "silent" and len(self.ran) >= self.nature.after and self.queue:
            self.stuck = True
        elif self.stopping:
            self.end()
        elif not self.queue:
            if self.closed:
                self.end()
        elif len(self.queue) > 1 or self.hold or self.closed:
            self.begin_test()

    def begin_test(self) -> None:
        self.unit, self.test, self.last = self.queue.popleft()
        self.began = self.shell.now
        self.ran.append(self.test)
        self.shell.test_begins(self, self.test)
        fate = self.shell.fates[self.test]
        self.say(
            f.TestStarted(
                test=self.test,
                attempt=1,
                category=self.unit.category,
                layer=self.unit.layer,
                worker=worker_name(self.number),
            )
        )
        if fate.kind in CALM_FATES:
            outcome = OUTCOMES[fate.kind] if fate.kind != "flaky" else self.flaky_outcome(self.test)
            self.shell.after(fate.seconds, self.finish_if, self.test, outcome)
        elif fate.kind in DEATHS:
            self.shell.after(fate.seconds, self.die_of, self.test, DEATHS[fate.kind])

    def flaky_outcome(self, test: str) -> Outcome:
        if test in self.shell.tried:
            return Outcome.PASSED
        self.shell.tried.add(test)
        return Outcome.FAILED

    def finish_if(self, test: str, outcome: Outcome) -> None:
        if self.alive and self.test == test:
            self.finish(outcome)

    def finish(self, outcome: Outcome) -> None:
        unit = self.unit
        assert unit is not None
        self.say(
            f.TestFinished(
                test=self.test,
                attempt=1,
                outcome=outcome,
                category=unit.category,
                layer=unit.layer,
                worker=worker_name(self.number),
                seconds=self.shell.now - self.began,
            )
        )
        self.test = ""
        if self.last:
            self.say(UnitEnded(lane=self.number, unit=unit.id))
        self.go_on()

    def end(self) -> None:
        if self.nature.kind in ("stays", "immortal"):
            self.stuck = True
            return
        self.ending = True
        self.shell.after(self.nature.teardown_seconds, self.die, "", True)

    def die_of(self, test: str, reason: str) -> None:
        if self.alive and self.test == test:
            self.die(reason)

    def die(self, reason: str, told: bool = False) -> None:
        if not self.alive:
            return
        self.alive = False
        if not told:
            self.died_of = reason
        self.say(LaneEnded(lane=self.number, reason=reason, oom="memory" in reason))
