"""The zygote's own pytest plug-in: collects once, then forks lanes on demand and waits for them.

Rules: single thread, no event loop; only this process waits for its lanes; the terminal reporter is silenced, never
removed, because plug-ins ask for it and pytest decides failed subtests in its hook. A lane is the forked
continuation of this same session: it runs its tests inside `pytest_runtestloop`, and then pytest ends it as usual.
"""

import gc
import hashlib
import io
import os
import select
import sys
import warnings

import pytest

from . import channel
from .adaptation import Surroundings, silence_terminal, wanted_reports, xdist_off
from .inventory import Inventory
from .lane import Lane
from .replay import Replay

COLLECT_GC_THRESHOLD = 100_000


def run(control, request):
    """Run the project's pytest with our plug-in; returns the session's exit status."""
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


class Zygote:
    """Hooks of the zygote; in a lane the same object is what is left of it."""

    def __init__(self, control, request):
        self.control = control
        self.request = request
        self.lane = None
        self.lanes = {}
        self.config = None
        self.gc_threshold = None
        self.summary = io.StringIO()
        self.surroundings = Surroundings()
        self.replay = None
        self.frozen = False

    # -- before collection ------------------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config):
        xdist_off(early_config.known_args_namespace)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config):
        xdist_off(config.option)
        yield

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        self.config = config
        if not self.request.get("visible"):
            silence_terminal(config, self.summary)
        if not config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(WorkerFixtures(), "apex-worker-fixtures")

    # -- collection -------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector):
        """Say which file is being read, so that a crash in it can be blamed on it."""
        if self.lane is None and isinstance(collector, pytest.File):
            self.control.send({"type": "collecting", "node": str(collector.nodeid)})

    def pytest_collectreport(self, report):
        if self.lane is None and report.outcome in ("failed", "skipped"):
            from .reporter import cap, describe

            message, detail = describe(report)
            self.control.send(
                {
                    "type": "collect_report",
                    "outcome": report.outcome,
                    "node": str(report.nodeid),
                    "message": message,
                    "detail": cap(detail, 40_000) if report.outcome == "failed" else "",
                }
            )

    @pytest.hookimpl(trylast=True)
    def pytest_deselected(self, items):
        if self.lane is None:
            self.control.send({"type": "deselected", "count": len(items)})

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        warning = [
            warning_message.category.__name__,
            str(warning_message.message),
            when,
            nodeid,
            "%s:%s" % (warning_message.filename, warning_message.lineno),
        ]
        if self.lane is not None:
            self.lane.warn(warning)
        elif when != "runtest":
            self.control.send({"type": "warning", "row": [text[:4000] for text in warning]})

    # -- the loop ---------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if self.gc_threshold is not None:
            gc.set_threshold(*self.gc_threshold)
        if session.config.option.collectonly or session.config.getoption("setupplan", False):
            self._tell(session)
            return True
        self._tell(session)
        self.replay = Replay(session.config, wanted_reports(session.config))
        message = self._serve(session)
        if self.lane is not None:
            return self.lane.run()
        session.testsfailed = message.get("failed", session.testsfailed)
        return True

    def _tell(self, session):
        inventory = Inventory(session)
        rows = list(inventory.rows())
        unsafe = self.surroundings.unsafe_to_fork(self.control.fd, session.config)
        digest = hashlib.sha256("\n".join(row[0] for row in rows).encode("utf-8", "surrogatepass")).hexdigest()
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

    def _serve(self, session):
        """Fork lanes on demand, wait for them, replay their reports; returns the controller's last message."""
        poll = select.poll()
        poll.register(self.control.fd, select.POLLIN)
        while True:
            for fd, _event in poll.poll():
                if fd == self.control.fd:
                    message = self.control.receive()
                    if message is None or message["op"] == "finish":
                        return message or {}
                    if message["op"] == "become":
                        instructions, results, crash = self.control.fds
                        pipe = channel.LanePipe(instructions, results)
                        self.lane = Lane(self, session, message, pipe, channel.raise_fd(crash))
                        return {}
                    if message["op"] == "fork" and self._fork(session, message, poll):
                        return {}
                else:
                    self._lane_event(fd, poll)

    def _fork(self, session, message, poll):
        """Fork one lane; True in the child."""
        instructions, results, crash = self.control.fds
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        if self.request.get("tune_gc", True) and not self.frozen:
            self.frozen = True
            gc.freeze()
        with warnings.catch_warnings():
            # Threads that are known to be harmless (see adaptation) make Python 3.12 warn.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            os.close(reading)
            for pidfd, lane in self.lanes.items():
                os.close(pidfd)
                os.close(lane["replay"])
            os.close(self.control.fd)
            pipe = channel.LanePipe(instructions, results)
            self.lane = Lane(self, session, message, pipe, channel.raise_fd(crash), channel.raise_fd(writing))
            return True
        for fd in (instructions, results, crash, writing):
            os.close(fd)
        pidfd = os.pidfd_open(pid)
        self.lanes[pidfd] = {"pid": pid, "lane": message["lane"], "generation": message["generation"], "replay": reading}
        poll.register(pidfd, select.POLLIN)
        poll.register(reading, select.POLLIN)
        self.control.send(
            {"type": "forked", "lane": message["lane"], "generation": message["generation"], "pid": pid}, [pidfd]
        )
        return False

    def _lane_event(self, fd, poll):
        for pidfd, lane in self.lanes.items():
            if fd == lane["replay"]:
                if not self.replay.read(fd):
                    poll.unregister(fd)
                return
            if fd == pidfd:
                break
        else:
            return
        _, status = os.waitpid(lane["pid"], 0)
        self.replay.drain(lane["replay"])
        poll.unregister(pidfd)
        try:
            poll.unregister(lane["replay"])
        except KeyError:
            pass  # its end was seen already
        os.close(pidfd)
        os.close(lane["replay"])
        del self.lanes[pidfd]
        self.control.send(
            {"type": "ended", "lane": lane["lane"], "generation": lane["generation"], "status": status}
        )

    def pytest_keyboard_interrupt(self, excinfo):
        """`pytest.exit()` or an interrupt while collecting: say its words, the terminal reporter is silent."""
        if self.lane is None:
            self.control.send({"type": "ended_by", "message": "%s: %s" % (excinfo.typename, excinfo.value)})

    def pytest_internalerror(self, excrepr):
        """pytest broke outside of a test: the whole story goes to the output, its last frame to the controller."""
        if self.lane is None:
            lines = str(excrepr).strip().splitlines()
            sys.stderr.write("\n".join(lines) + "\n")
            frames = [number for number, line in enumerate(lines) if line.lstrip().startswith("File ")]
            self.control.send({"type": "ended_by", "message": "\n".join(lines[frames[-1] if frames else -1 :])[-4000:]})

    # -- the end ----------------------------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter):
        """Keep what plug-ins print; pytest's own part of the summary is ours to show."""
        if self.lane is None:
            self.summary.keep = True
            yield
            self.summary.keep = False
        else:
            yield

    def say_goodbye(self, status):
        text = self.summary.getvalue()
        rows = [text[start : start + 16_000] for start in range(0, min(len(text), 1_000_000), 16_000)]
        self.control.send_rows("summary", rows)
        self.control.send({"type": "session_finished", "status": status})


class WorkerFixtures:
    """The fixtures of suites written for xdist, where xdist itself is not installed."""

    @pytest.fixture(scope="session")
    def worker_id(self, request):
        worker = getattr(request.config, "workerinput", None)
        return worker["workerid"] if worker else "master"

    @pytest.fixture(scope="session")
    def testrun_uid(self, request):
        worker = getattr(request.config, "workerinput", None)
        return worker["testrunuid"] if worker else ""
