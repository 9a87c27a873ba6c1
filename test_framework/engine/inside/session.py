"""The zygote's own pytest plug-in: collects once, then forks lanes on demand and waits for them.

Rules: single thread, no event loop; only this process waits for its lanes; the terminal reporter is silenced, never
removed, because plug-ins ask for it and pytest decides failed subtests in its hook. A lane is the forked
continuation of this same session: it runs its tests inside `pytest_runtestloop`, and then pytest ends it as usual.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import select
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from . import channel
from .adaptation import be_spawned, coverage_off, for_spawned_lanes, looked_for_tests, xdist_off
from .capturing import pipe_of, print_into
from .garbage import Garbage
from .hearing import wanted_reports
from .inventory import Inventory
from .lane import MOST_TRACEBACK, Lane
from .replay import Echo, Replay
from .session_ends import SessionEnds
from .surroundings import Surroundings
from .telling import cap, describe
from .terminal import Summary, silence_terminal
from .worker_fixtures import WorkerFixtures

if TYPE_CHECKING:
    from .recorder import Recorder

NO_FORK_STATUS = 71 << 8
"""wait status of a lane that could not be forked (EX_OSERR)"""
MOST_SUMMARY = 1_000_000
MOST_COLLECT_DETAIL = 40_000
"""characters"""


def run(control: channel.Control, request: Mapping[str, Any]) -> int:
    """Run the project's pytest with our plug-in; returns the session's exit status (of a lane: 0)."""
    plugin = Zygote(control, request)
    plugin.surroundings.watch()
    plugin.garbage.collecting_tests()
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
        self.output_pipe = pipe_of(1)
        """the one that is stdout and stderr"""
        self.garbage = Garbage(bool(request.get("tune_gc", True)))
        self.summary = Summary()
        self.surroundings = Surroundings()
        self.recorder: Recorder | None = None
        if request.get("record"):
            self.recorder = importlib.import_module(".recorder", __package__).started(os.getcwd())
        self.replay: Replay | None = None
        self.ends: SessionEnds | None = None
        self.broken: BaseException | None = None
        """what a plug-in raised when reports were replayed"""
        self.heard: set[int] = set()
        """replay pipes of lanes that are not forked"""

    # -- before collection ------------------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
        self._adapt(early_config.known_args_namespace)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Iterator[None]:
        self._adapt(config.option)
        yield

    def _adapt(self, option: Any) -> None:
        xdist_off(option)
        if not self.request.get("measure_coverage", True):
            coverage_off(option)
        if "worker" in self.request:
            be_spawned(option, self.request["worker"])

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
        self._tell(session)
        option = session.config.option
        if option.collectonly or getattr(option, "setupplan", False):
            return True
        self.replay = Replay(session.config, wanted_reports(session.config))
        self.ends = SessionEnds(session.config)
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
        names = "\n".join(row[0] for row in rows)
        digest = hashlib.sha256(names.encode("utf-8", "surrogatepass")).hexdigest()
        if not self.request.get("quiet"):
            self.control.send_rows("items", rows)
            self.control.send_rows("mark_sets", inventory.mark_sets)
            self.control.send_rows("files", inventory.files)
            if self.recorder is not None:
                self.recorder.tell_base(self.control, session.config)
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
                "looked": looked_for_tests(session.config),
                "worker": {} if "worker" in self.request else for_spawned_lanes(session.config),
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
                if fd in self.heard:
                    self._hear(fd, poll)
                elif fd != self.control.fd:
                    self._lane_event(fd, poll)
                else:
                    message = self.control.receive()
                    if message is None:
                        return {}
                    match message["op"]:
                        case "finish":
                            self._finish_replay()
                            self.garbage.ending()
                            return message
                        case "become":
                            self._become(session, message)
                            return {}
                        case "listen":
                            self._listen(message, poll)
                        case "fork" if self._fork(session, message, poll):
                            return {}

    def _become(self, session: pytest.Session, message: Mapping[str, Any]) -> None:
        """Be a lane without forking: a spawned one, which has a replay pipe too, or the only one."""
        self.garbage.running_tests()
        instructions, results, crash, *writing = self.control.fds
        echo = None
        if writing and self.replay is not None:
            everything = bool(message.get("again")) or self.replay.everything
            echo = Echo(session.config, channel.raise_fd(writing[0]), everything)
        pipe = channel.LanePipe(instructions, results)
        crash = channel.raise_fd(crash)
        self.lane = Lane(session, message, pipe, crash, self.summary, echo=echo, recorder=self.recorder)

    def _listen(self, message: Mapping[str, Any], poll: select.poll) -> None:
        """Replay what a lane tells that is somebody else's child."""
        fd = channel.raise_fd(self.control.fds[0])
        if self.replay is not None:
            self.replay.open(fd, bool(message.get("again")))
        self.heard.add(fd)
        poll.register(fd, select.POLLIN)

    def _hear(self, fd: int, poll: select.poll) -> None:
        if self._replayed(lambda replay: replay.read(fd)) is False:
            poll.unregister(fd)
            self._unhear(fd)

    def _unhear(self, fd: int) -> None:
        self._replayed(lambda replay: replay.drain(fd))
        self.heard.discard(fd)
        os.close(fd)

    def _finish_replay(self) -> None:
        for fd in list(self.heard):
            self._unhear(fd)
        self._replayed(lambda replay: replay.finish())

    def _fork(self, session: pytest.Session, message: Mapping[str, Any], poll: select.poll) -> bool:
        """Fork one lane; True in the child."""
        theirs = self.control.fds
        instructions, results, crash, *output = theirs
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.garbage.forking()
        again = bool(message.get("again"))
        birth = {"lane": message["lane"], "generation": message["generation"]}
        pid = self._fork_process()
        if pid == 0:
            os.close(reading)
            for pidfd, lane in self.lanes.items():
                os.close(pidfd)
                os.close(lane.replay)
            self.lanes.clear()
            for fd in self.heard:
                os.close(fd)
            self.control.abandon()
            if output:
                print_into(output[0], self.output_pipe)
            echo = Echo(
                session.config, channel.raise_fd(writing), bool(self.replay and self.replay.everything)
            )
            pipe = channel.LanePipe(instructions, results)
            crash = channel.raise_fd(crash)
            self.lane = Lane(session, message, pipe, crash, self.summary, echo=echo, recorder=self.recorder)
            self.lane.was_forked(self.surroundings.seeded, self.ends)
            return True
        for fd in (*theirs, writing):
            os.close(fd)
        if pid < 0:
            os.close(reading)
            self.control.send({"type": "ended", **birth, "status": NO_FORK_STATUS})
            return False
        pidfd = os.pidfd_open(pid)
        self.lanes[pidfd] = Forked(pid, message["lane"], message["generation"], reading)
        if self.replay is not None:
            self.replay.open(reading, again)
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
                if self._replayed(lambda replay: replay.read(fd)) is False:
                    poll.unregister(fd)
                return
            if fd == pidfd:
                break
        else:
            return
        _, status = os.waitpid(lane.pid, 0)
        self._replayed(lambda replay: replay.drain(lane.replay))
        poll.unregister(pidfd)
        with suppress(KeyError):  # its end was seen already
            poll.unregister(lane.replay)
        os.close(pidfd)
        os.close(lane.replay)
        del self.lanes[pidfd]
        self.control.send(
            {"type": "ended", "lane": lane.lane, "generation": lane.generation, "status": status}
        )

    def _replayed(self, step: Callable[[Replay], bool | None]) -> bool | None:
        """Do a step of the replay. What a plug-in raises in it is told, and raised again at the session's end."""
        if self.replay is None:
            return None
        try:
            return step(self.replay)
        except BaseException as problem:
            if self.broken is None:
                self.broken = problem
                text = "".join(traceback.format_exception(problem))[-MOST_TRACEBACK:]
                self.control.send({"type": "plugin_broke", "message": repr(problem)[:1000], "detail": text})
        return None

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
