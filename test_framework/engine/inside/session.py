"""The zygote's own pytest plug-in: collects once, then forks lanes on demand and waits for them.

Rules: single thread, no event loop; only this process waits for its lanes; the terminal reporter is silenced, never
removed, because plug-ins ask for it and pytest decides failed subtests in its hook. A lane is the forked
continuation of this same session: it runs its tests inside `pytest_runtestloop`, and then pytest ends it as usual.
"""

from __future__ import annotations

import gc
import hashlib
import os
import select
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from . import channel
from .adaptation import xdist_off
from .hearing import wanted_reports
from .inventory import Inventory
from .lane import MOST_TRACEBACK, Lane
from .replay import Echo, Replay
from .surroundings import Surroundings
from .telling import cap, describe
from .terminal import Summary, silence_terminal

COLLECT_GC_THRESHOLD = 100_000
NO_FORK_STATUS = 71 << 8
"""wait status of a lane that could not be forked (EX_OSERR)"""
MOST_SUMMARY = 1_000_000
MOST_COLLECT_DETAIL = 40_000
"""characters"""


def run(control: channel.Control, request: Mapping[str, Any]) -> int:
    """Run the project's pytest with our plug-in; returns the session's exit status (of a lane: 0)."""
    plugin = Zygote(control, request)
    plugin.surroundings.watch()
    if request.get("tune_gc", True):
        plugin.gc_threshold = gc.get_threshold()
        gc.set_threshold(COLLECT_GC_THRESHOLD, 50, 50)
    status = int(pytest.main(request["args"], plugins=[plugin]))
    if plugin.lane is None:
        plugin.say_goodbye(status)
        return status
    plugin.lane.goodbye(status)
    return 0


@dataclass(frozen=True)
class Forked:
    """A lane that this process forked and has to wait for."""

    pid: int
    lane: int
    generation: int
    replay: int
    """read end of the pipe from which its reports are replayed"""


class Zygote:
    """Hooks of the zygote; in a lane the same object is what is left of it."""

    def __init__(self, control: channel.Control, request: Mapping[str, Any]) -> None:
        self.control = control
        self.request = request
        self.lane: Lane | None = None
        self.lanes: dict[int, Forked] = {}
        """by pidfd"""
        self.gc_threshold: tuple[int, int, int] | None = None
        self.summary = Summary()
        self.surroundings = Surroundings()
        self.replay: Replay | None = None
        self.broken: BaseException | None = None
        """what a plug-in raised when reports were replayed"""
        self.frozen = False

    # -- before collection ------------------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
        xdist_off(early_config.known_args_namespace)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Iterator[None]:
        xdist_off(config.option)
        yield

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        if not self.request.get("visible"):
            silence_terminal(config, self.summary)
        if not config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(WorkerFixtures(), "apex-worker-fixtures")

    # -- collection -------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> None:
        """Say which file is being read, so that a crash in it can be blamed on it."""
        if self.lane is None and isinstance(collector, pytest.File):
            self.control.send({"type": "collecting", "node": str(collector.nodeid)})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if self.lane is None and report.outcome in ("failed", "skipped"):
            message, detail = describe(report)
            self.control.send(
                {
                    "type": "collect_report",
                    "outcome": report.outcome,
                    "node": str(report.nodeid),
                    "message": message,
                    "detail": cap(detail, MOST_COLLECT_DETAIL) if report.outcome == "failed" else "",
                }
            )

    @pytest.hookimpl(trylast=True)
    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        if self.lane is None:
            self.control.send({"type": "deselected", "count": len(items)})

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str
    ) -> None:
        if self.lane is not None:
            self.lane.warn(warning_message, when, nodeid)
        elif when != "runtest":
            place = f"{warning_message.filename}:{warning_message.lineno}"
            row = [warning_message.category.__name__, str(warning_message.message), when, nodeid, place]
            self.control.send({"type": "warning", "row": [text[:4000] for text in row]})

    # -- the loop ---------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if self.gc_threshold is not None:
            gc.set_threshold(*self.gc_threshold)
        self._tell(session)
        option = session.config.option
        if option.collectonly or getattr(option, "setupplan", False):
            return True
        self.replay = Replay(session.config, wanted_reports(session.config))
        message = self._serve(session)
        if self.lane is not None:
            return self.lane.run()
        if self.broken is not None:
            raise self.broken
        session.testsfailed = message.get("failed", session.testsfailed)
        return True

    def _tell(self, session: pytest.Session) -> None:
        inventory = Inventory(session)
        rows = list(inventory.rows())
        unsafe = self.surroundings.unsafe_to_fork(self.control.fd, session.config)
        digest = hashlib.sha256(
            "\n".join(row[0] for row in rows).encode("utf-8", "surrogatepass")
        ).hexdigest()
        if not self.request.get("quiet"):
            self.control.send_rows("items", rows)
            self.control.send_rows("mark_sets", inventory.mark_sets)
            self.control.send_rows("files", inventory.files)
        option = session.config.option
        self.control.send(
            {
                "type": "collected",
                "count": len(rows),
                "digest": digest,
                "errors": session.testsfailed,
                "go_on": bool(option.continue_on_collection_errors),
                "rootdir": str(session.config.rootpath),
                "unsafe": unsafe,
                "maxfail": int(getattr(option, "maxfail", 0) or 0),
                "collect_only": bool(option.collectonly),
            }
        )

    def _serve(self, session: pytest.Session) -> Mapping[str, Any]:
        """Fork lanes on demand, wait for them, replay their reports; returns the controller's last message.

        In a lane it returns with `self.lane` set.
        """
        poll = select.poll()
        poll.register(self.control.fd, select.POLLIN)
        while True:
            for fd, _event in poll.poll():
                if fd != self.control.fd:
                    self._lane_event(fd, poll)
                    continue
                message = self.control.receive()
                if message is None or message["op"] == "finish":
                    return message or {}
                if message["op"] == "become":
                    instructions, results, crash = self.control.fds
                    pipe = channel.LanePipe(instructions, results)
                    self.lane = Lane(session, message, pipe, channel.raise_fd(crash), self.summary)
                    return {}
                if message["op"] == "fork" and self._fork(session, message, poll):
                    return {}

    def _fork(self, session: pytest.Session, message: Mapping[str, Any], poll: select.poll) -> bool:
        """Fork one lane; True in the child."""
        instructions, results, crash = self.control.fds
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        if self.request.get("tune_gc", True) and not self.frozen:
            self.frozen = True
            gc.freeze()
        birth = {"lane": message["lane"], "generation": message["generation"]}
        pid = self._fork_process()
        if pid == 0:
            os.close(reading)
            for pidfd, lane in self.lanes.items():
                os.close(pidfd)
                os.close(lane.replay)
            self.lanes.clear()
            self.control.abandon()
            echo = Echo(
                session.config, channel.raise_fd(writing), bool(self.replay and self.replay.everything)
            )
            pipe = channel.LanePipe(instructions, results)
            crash = channel.raise_fd(crash)
            seeded = self.surroundings.seeded
            self.lane = Lane(session, message, pipe, crash, self.summary, echo=echo, seeded=seeded)
            return True
        for fd in (instructions, results, crash, writing):
            os.close(fd)
        if pid < 0:
            os.close(reading)
            self.control.send({"type": "ended", **birth, "status": NO_FORK_STATUS})
            return False
        pidfd = os.pidfd_open(pid)
        self.lanes[pidfd] = Forked(pid, message["lane"], message["generation"], reading)
        poll.register(pidfd, select.POLLIN)
        poll.register(reading, select.POLLIN)
        self.control.send({"type": "forked", **birth, "pid": pid}, [pidfd])
        return False

    @staticmethod
    def _fork_process() -> int:
        """os.fork, or -1 and a line on stderr when there can be no more processes."""
        try:
            with warnings.catch_warnings():
                # Threads that are known to be harmless (see surroundings) make Python 3.12 warn.
                warnings.simplefilter("ignore", DeprecationWarning)
                return os.fork()
        except OSError as problem:
            sys.stderr.write(f"a lane cannot be forked: {problem}\n")
            sys.stderr.flush()
            return -1

    def _lane_event(self, fd: int, poll: select.poll) -> None:
        for pidfd, lane in self.lanes.items():
            if fd == lane.replay:
                if not self._replay(fd):
                    poll.unregister(fd)
                return
            if fd == pidfd:
                break
        else:
            return
        _, status = os.waitpid(lane.pid, 0)
        self._replay(lane.replay, to_the_end=True)
        poll.unregister(pidfd)
        with suppress(KeyError):  # its end was seen already
            poll.unregister(lane.replay)
        os.close(pidfd)
        os.close(lane.replay)
        del self.lanes[pidfd]
        self.control.send(
            {"type": "ended", "lane": lane.lane, "generation": lane.generation, "status": status}
        )

    def _replay(self, fd: int, *, to_the_end: bool = False) -> bool:
        """Replay what a lane sent; False at the end of its pipe. What a plug-in raises is kept for the end."""
        if self.replay is None:
            return False
        try:
            if not to_the_end:
                return self.replay.read(fd)
            self.replay.drain(fd)
        except BaseException as problem:
            if self.broken is None:
                self.broken = problem
                text = "".join(traceback.format_exception(problem))[-MOST_TRACEBACK:]
                self.control.send({"type": "plugin_broke", "message": repr(problem)[:1000], "detail": text})
        return True

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """`pytest.exit()` or an interrupt while collecting: say its words, the terminal reporter is silent."""
        if self.lane is None:
            self.control.send({"type": "ended_by", "message": f"{excinfo.typename}: {excinfo.value}"})

    def pytest_internalerror(self, excrepr: object) -> None:
        """pytest broke outside of a test: the whole story goes to the output, its last frame to the controller."""
        if self.lane is None:
            lines = str(excrepr).strip().splitlines()
            sys.stderr.write("\n".join(lines) + "\n")
            frames = [number for number, line in enumerate(lines) if line.lstrip().startswith("File ")]
            message = "\n".join(lines[frames[-1] if frames else -1 :])[-4000:]
            self.control.send({"type": "ended_by", "message": message})

    # -- the end ----------------------------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_terminal_summary(self) -> Iterator[None]:
        """Keep what plug-ins print; pytest's own part of the summary is ours to show."""
        self.summary.keep = self.lane is None
        yield
        self.summary.keep = False

    def say_goodbye(self, status: int) -> None:
        """Tell the controller what plug-ins printed and how the session ended."""
        text = self.summary.text()[:MOST_SUMMARY]
        self.control.send_rows(
            "summary", [text[start : start + 16_000] for start in range(0, len(text), 16_000)]
        )
        self.control.send({"type": "session_finished", "status": status})


class WorkerFixtures:
    """The fixtures of suites written for xdist, where xdist itself is not installed."""

    @pytest.fixture(scope="session")
    def worker_id(self, request: Any) -> str:
        """The lane's name as xdist would say it, `master` outside of one."""
        worker = getattr(request.config, "workerinput", None)
        return str(worker["workerid"]) if worker else "master"

    @pytest.fixture(scope="session")
    def testrun_uid(self, request: Any) -> str:
        """The run's id, the same in all lanes."""
        worker = getattr(request.config, "workerinput", None)
        return str(worker["testrunuid"]) if worker else ""
