"""One lane as the scheduler sees it, and the ladder by which it is stopped.

Rules: force only rises (after the test -> interrupt -> terminate -> kill), each rung has its time; a test is
blamed only for what was aimed at it or for the death of its own lane; a lane that survives being killed is
given up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from test_framework.core.instructions import Force, StopLane
from test_framework.core.stages import CategoryRun
from test_framework.model.plan import Chain, Unit

UNBORN_GIVE_UP_SECONDS = 1.0
GIVE_UP_SECONDS = 5.0
"""How long a killed lane may take to be gone (a process in uninterruptible sleep cannot be killed)."""


class Cause(StrEnum):
    """Why a lane is being stopped."""

    LIMIT = "limit"
    """the running test is over its time"""
    CANCEL = "cancel"
    """its category or the run is stopped"""
    SILENCE = "silence"
    """it has tests to run and starts none"""
    BIRTH = "birth"
    """it did not get ready"""
    SHUTDOWN = "shutdown"
    """it was closed and does not end"""


@dataclass(slots=True, eq=False)
class Held:
    """A unit with a lane, and which of its tests (with their places in the chain) are still to be
    reported.
    """

    unit: Unit
    category: CategoryRun
    chain: Chain
    open: dict[str, int] = field(default_factory=dict)
    ends_lane: bool = False
    """the lane should end after it"""


@dataclass(slots=True, eq=False)
class Lane:
    number: int
    ready_by: float
    units: list[Held] = field(default_factory=list)
    """the first is running, a second waits behind it"""
    ready: bool = False
    test: str = ""
    attempt: int = 1
    test_started: float = 0.0
    test_until: float = math.inf
    quiet_until: float = math.inf
    """when a lane between two tests must have begun the next"""
    end_by: float = math.inf
    """when a closed lane without tests must be gone"""
    reported: int = 0
    """tests that it has decided in its life"""
    began: float = math.inf
    """when it was given its first unit"""
    kept: bool = False
    """it goes on with other chains however long it has run"""
    spent: bool = False
    """a test of it is to be retried in another process: it ends with its chain"""
    over: bool = False
    """nothing that it would run could be proven: it ends now"""
    closed: bool = False
    held: bool = False
    force: Force | None = None
    cause: Cause = Cause.CANCEL
    aim: str = ""
    """the test that the force was meant for"""
    rung_at: float = math.inf
    """when the next rung of the ladder is due"""
    rung_seconds: float = 0.0
    given_up: bool = False

    @property
    def category(self) -> CategoryRun | None:
        return self.units[0].category if self.units else None

    @property
    def name(self) -> str:
        return worker_name(self.number)

    def may_take(self, queued: int) -> bool:
        """Whether it can be given a unit while it has `queued` of them."""
        return self.ready and self.force is None and not self.closed and len(self.units) == queued

    def next_time(self) -> float:
        """When something about it has to be decided although nothing happened."""
        if self.force is Force.AFTER_TEST:
            return min(self.rung_at, self.test_until)
        if self.force is not None:
            return self.rung_at
        if not self.ready:
            return self.ready_by
        return min(self.test_until, self.quiet_until, self.end_by)

    # -- the ladder -----------------------------------------------------------------------------------------

    def press(
        self, force: Force, cause: Cause, now: float, rung_seconds: float, patience: float
    ) -> StopLane | None:
        """Stop it with at least `force`; None when it is being stopped that hard already.

        `patience`: seconds until the next rung; `rung_seconds`: the same for the rungs after that.
        """
        if self.force is not None and force <= self.force:
            return None
        if not (self.force is not None and self.cause is Cause.LIMIT and self.aim == self.test):
            self.cause, self.aim = cause, self.test
        self.force = force
        self.rung_seconds = rung_seconds
        self.rung_at = now + (self._give_up_seconds() if force is Force.KILL else patience)
        return self._stop()

    def climb(self, now: float) -> StopLane | None:
        """Take the next rung when it is due. After the last one the lane is given up."""
        if self.force is None or now < self.rung_at:
            return None
        if self.force is Force.KILL:
            self.given_up, self.rung_at = True, math.inf
            return None
        self.force = Force(self.force + 1)
        if self.force is Force.INTERRUPT:
            self.aim = self.test
        self.rung_at = now + (self._give_up_seconds() if self.force is Force.KILL else self.rung_seconds)
        return self._stop()

    def release(self) -> None:
        """The test that was over its time has ended in time after all: the lane may go on."""
        self.force, self.aim, self.rung_at = None, "", math.inf

    def _give_up_seconds(self) -> float:
        return GIVE_UP_SECONDS if self.ready else UNBORN_GIVE_UP_SECONDS

    def _stop(self) -> StopLane:
        assert self.force is not None
        why = "timed_out" if self.cause is Cause.LIMIT else "cancelled"
        ends = self.category is None or self.category.halt is not None
        return StopLane(lane=self.number, force=self.force, test=self.test, why=why, ends=ends)


def worker_name(lane: int) -> str:
    """Lanes look like xdist's workers to the tests: gw0, gw1, ..."""
    return f"gw{lane}"


def lane_number(worker: str) -> int:
    """The lane of a worker's name; -1 where the name is none of ours."""
    return int(worker[2:]) if worker.startswith("gw") and worker[2:].isdecimal() else -1
