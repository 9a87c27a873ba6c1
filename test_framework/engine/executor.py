"""The seam between the dispatcher and whatever runs tests.

Rules: an executor collects once, then opens lanes on request; it tells what happens through `Listener` in the order in
which it happened, never from another thread, and never after `close` has returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from test_framework.core.instructions import Force
from test_framework.model.plan import TestInfo


@dataclass(frozen=True, slots=True)
class CollectReport:
    """A file or node that could not be collected, or was skipped as a whole."""

    node: str
    outcome: str
    message: str
    detail: str


@dataclass(frozen=True, slots=True)
class Collection:
    """What the project's pytest found."""

    tests: tuple[TestInfo, ...]
    reports: tuple[CollectReport, ...]
    warnings: tuple[tuple[str, ...], ...]
    deselected: int
    python_version: str
    pytest_version: str
    isolation: str
    """fork | spawn | inline"""
    isolation_reason: str
    go_on_after_errors: bool
    maxfail: int
    collect_only: bool = False
    roots: tuple[str, ...] | None = None
    """files and directories in which it looked for tests, relative to the project; None: not known"""
    rootdir: str = ""
    """pytest's own root directory: the names of tests begin there"""
    test_files: tuple[str, ...] = ("test_*.py", "*_test.py")
    """names of the files in which it looked"""
    measures_coverage: bool = False
    recorded: tuple[list[Any], ...] = ()
    """what the recorder tells of everything before the first lane (see inside/recorder.py)"""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How the project's own pytest session ended: exit status and what its plug-ins printed."""

    status: int
    text: str


class Listener(Protocol):
    """What an executor tells."""

    def lane_said(self, lane: int, message: list[Any]) -> None:
        """One message of a lane (see inside/lane.py for their shapes)."""

    def lane_started(self, lane: int, generation: int, pid: int) -> None: ...

    def lane_ended(self, lane: int, reason: str, stack: str, oom: bool) -> None:
        """The lane is gone and everything it said has been told. `reason` is '' when it ended as it should."""

    def left_behind(self, argv: list[str], pid: int, test: str) -> None:
        """A process that a test left behind was killed."""

    def degraded(self, message: str) -> None:
        """It goes on, in a lesser way than was planned."""

    def executor_lost(self, reason: str) -> None:
        """No lane can be opened any more."""

    def batch_over(self) -> None:
        """No more is to be told for the moment: write and show what was."""


class Recording(Protocol):
    """Who keeps what the tests depend on."""

    def test_recorded(self, test: str, chain: str, attempt: int, worker: str, told: list[Any]) -> None:
        """A lane's line about one test of a chain (see inside/recorder.py)."""

    def lane_kept(self, worker: str, why: str) -> None:
        """The process that recorded last for this lane may run more than one chain, and why."""


class Executor(Protocol):
    """Runs tests in lanes."""

    async def collect(self) -> Collection:
        """Find the tests. Raises UserError for what the user can mend."""

    def begin(self, listener: Listener, lanes: int, asks: bool) -> None:
        """`asks`: a lane that saw a bad test waits for `go` before the next, since a failure may stop the run."""

    def open_lane(self, lane: int) -> None: ...

    def tell_lane(self, lane: int, message: dict[str, Any]) -> None:
        """Queue an instruction for a lane (see inside/lane.py)."""

    def stop_lane(self, lane: int, force: Force, index: int, why: str, message: str) -> None: ...

    def hungry(self, lane: int, hungry: bool) -> None:
        """Whether the lane's next message must be read at once, because it may be waiting for an answer."""

    async def end_session(self, failed: int) -> SessionEnd:
        """End the project's own session after all lanes have ended."""

    async def close(self) -> None:
        """Kill and reap what is left. May be called at any time and twice."""
