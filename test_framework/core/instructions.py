"""The scheduler's language: signals from the shell that are no facts, and instructions to the shell.

Rules: signals are past tense, instructions imperative; lanes are numbers from 0; times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from test_framework.model.facts import Fact
from test_framework.model.plan import Unit


class Force(IntEnum):
    """How hard a lane is stopped; rises only."""

    AFTER_TEST = 1
    """end when the running test is over"""
    INTERRUPT = 2
    """raise inside the running test, tear fixtures down"""
    TERMINATE = 3
    """SIGTERM and SIGCONT"""
    KILL = 4
    """SIGKILL to the lane and its session"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReady:
    """The lane waits for its first unit."""

    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEnded:
    """The lane has run all tests of a unit and reported them."""

    lane: int
    unit: int
    kept: bool = False
    """its process has set up what would be costly to set up again"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneEnded:
    """The lane is gone. `test` was running on it; `reason` says how it ended, '' when it was told to end and
    did.
    """

    lane: int
    reason: str = ""
    detail: str = ""
    """stack of the running test, where one was dumped"""
    oom: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Woke:
    """The time asked for by `WakeAt` has come."""


Signal: TypeAlias = LaneReady | UnitEnded | LaneEnded | Woke


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLane:
    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUnit:
    """Hand a unit to a lane; it begins when the unit before it has ended."""

    lane: int
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLane:
    """Nothing for this lane now, more may come: it keeps its session fixtures."""

    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLane:
    """Nothing more will come for this lane: it tears everything down and ends."""

    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLane:
    lane: int
    force: Force
    test: str = ""
    """the test to interrupt; a lane that is at another test by now ignores it"""
    why: str = "cancelled"
    """timed_out | cancelled"""
    ends: bool = False
    """its scope is over: the lane must not begin another test, even if it can report this one itself"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt:
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A fact that the scheduler itself established; the shell stamps and publishes it, and does not hand it
    back.
    """

    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Nothing runs and nothing is left."""


Instruction: TypeAlias = OpenLane | StartUnit | HoldLane | CloseLane | StopLane | WakeAt | Record | Finish
