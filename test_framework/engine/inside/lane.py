"""A lane: a pytest session that runs the tests it is told to run, and reports each the moment it is over.

Rules: one write per test (the result of the test before and the start of the next); a lane speaks of tests by their
index; it looks for instructions between tests and while it waits; the interrupt signal raises inside the test it was
meant for and nowhere else. Instructions: unit, hold, close, stop, interrupt.
"""

import faulthandler
import os
import signal
import sys
from collections import deque

import pytest

from . import adaptation, channel
from .replay import Echo
from .reporter import Fold

INTERRUPT = signal.SIGRTMAX - 3
DUMP = signal.SIGRTMAX - 4
_OURS_MADE_DEFAULT = (signal.SIGTERM, signal.SIGINT)


class TestInterrupted(BaseException):
    """Raised inside a running test when its time is up or the run is cancelled."""

    __test__ = False
    __module__ = "apex"


class _Pause(pytest.Item):
    """Stands for "some test, later": pytest tears down all but session fixtures before it."""

    def runtest(self):
        raise RuntimeError("a pause is never run")


class Lane:
    """One lane's loop; also the pytest plug-in that hears the reports."""

    def __init__(self, zygote, session, message, pipe, crash_fd, replay_fd=None):
        self.zygote = zygote
        self.session = session
        self.config = session.config
        self.message = message
        self.pipe = pipe
        self.crash_fd = crash_fd
        self.worker = "gw%d" % message["lane"]
        self.forked = replay_fd is not None
        self.echo = Echo(self.config, replay_fd, zygote.replay.everything) if self.forked else None
        self.queue = deque()
        self.hold = self.closed = self.stopping = False
        self.fold = None
        self.interrupting = None
        self.pending = ""
        self.pause = None
        self.warned = {}
        self.ended = ""
        self.asks = bool(message.get("asks"))
        self.may_go_on = True

    # -- birth ------------------------------------------------------------------------------------------------

    def run(self):
        """Be born and run tests until told to end; returns True for pytest's loop."""
        self._be_born()
        self.pipe.write('["r",%d]\n' % channel._getpid())
        try:
            self._loop()
        finally:
            self._write(self.pending)
            self.pending = ""
            self._tell_warnings()
        if self.ended:
            raise self.session.Interrupted(self.ended)
        return True

    def _be_born(self):
        config = self.config
        if self.forked:
            os.setsid()
            adaptation.forget_exit_handlers()
            adaptation.restart_capture(config)
            adaptation.own_basetemp(config, self.worker)
            adaptation.reseed(self.zygote.surroundings.seeded)
            adaptation.restart_coverage(config)
            adaptation.mute_reporter(config)
            adaptation.mute_junit(config)
        self._look_like_a_worker()
        self.session.testsfailed = 0
        self.session.shouldstop = self.session.shouldfail = False
        if hasattr(config.option, "maxfail"):
            config.option.maxfail = 0
        faulthandler.enable(self.crash_fd, all_threads=True)
        faulthandler.register(DUMP, file=self.crash_fd, all_threads=True, chain=False)
        signal.signal(INTERRUPT, self._on_interrupt)
        config.pluginmanager.register(self, "apex-lane")

    def _look_like_a_worker(self):
        """What plug-ins that know xdist look at."""
        environment = {
            "PYTEST_XDIST_WORKER": self.worker,
            "PYTEST_XDIST_WORKER_COUNT": str(self.message["lanes"]),
            "PYTEST_XDIST_TESTRUNUID": self.message["run"],
            "APEX_WORKER_ID": self.worker,
        }
        os.environ.update(environment)
        if not hasattr(self.config, "workerinput"):
            self.config.workerinput = {
                "workerid": self.worker,
                "workercount": self.message["lanes"],
                "testrunuid": self.message["run"],
                "mainargv": list(sys.argv),
            }
            self.config.workeroutput = {}

    # -- the loop ---------------------------------------------------------------------------------------------

    def _loop(self):
        items, protocol = self.session.items, self.config.hook.pytest_runtest_protocol
        while True:
            while self.pipe.ready():
                self._obey(self.pipe.read())
            if self.stopping:
                return
            if not self.queue:
                self._write(self.pending)
                self.pending = ""
                if self.closed:
                    return
                self._obey(self.pipe.read())
                continue
            unit, index, last = self.queue.popleft()
            if not self.queue and not self.hold and not self.closed:
                self._write(self.pending)
                self.pending = ""
                while not self.queue and not self.hold and not self.closed and not self.stopping:
                    self._obey(self.pipe.read())
                if self.stopping:
                    return
            if self.queue:
                following = items[self.queue[0][1]]
            else:
                following = None if self.closed else self._pause_item()
            self.interrupting = None
            self._write('%s["s",%d,%.6f]\n' % (self.pending, index, channel.monotonic()))
            self.pending = ""
            self._run_test(protocol, items[index], index, following)
            if last:
                self._write('%s["u",%d]\n' % (self.pending, unit))
                self.pending = ""
            if self.ended:
                return

    def _run_test(self, protocol, item, index, following):
        fold = self.fold = Fold(index)
        try:
            protocol(item=item, nextitem=following)
        except TestInterrupted:
            pass  # it reached us between pytest's phases: the fold says what is known
        except (KeyboardInterrupt, pytest.exit.Exception) as request:
            self._end_run(request)
        except BaseException as problem:
            self._internal_error(index, problem)
        finally:
            self.fold = None
        if self.interrupting is not None:
            self.pending = '["i",%d,%.6f,%s]\n' % (
                index,
                channel.perf_counter() - fold.started,
                channel.encode([self.interrupting, self._interrupted_detail(fold)]),
            )
            if self.interrupting == "cancelled":
                self.stopping = True
        else:
            self.pending = fold.lines()
        if self.asks and fold.bad():
            self._ask_whether_to_go_on()
        if self.session.shouldstop or self.session.shouldfail:
            self._end_run(self.session.shouldstop or self.session.shouldfail)

    def _ask_whether_to_go_on(self):
        """After a bad test nothing more may start until the controller has heard of it and said so."""
        self._write(self.pending)
        self.pending = ""
        self.may_go_on = False
        while not self.may_go_on and not self.stopping:
            self._obey(self.pipe.read())

    @staticmethod
    def _interrupted_detail(fold):
        from .reporter import MOST_DETAIL, cap, describe

        texts = [describe(report)[1] for report in fold.reports if report.outcome == "failed"]
        return cap("\n".join(texts), MOST_DETAIL)

    def _end_run(self, request):
        """A test or a plug-in asked for the end of the run, as `pytest.exit` does."""
        reason = request if isinstance(request, str) else getattr(request, "msg", "") or type(request).__name__
        code = getattr(request, "returncode", None)
        interrupt = isinstance(request, KeyboardInterrupt)
        self.ended = str(reason)
        self._write(
            "%s%s\n" % (self.pending, channel.encode(["x", str(reason), code, "KeyboardInterrupt" if interrupt else "exit"]))
        )
        self.pending = ""

    def _internal_error(self, index, problem):
        """A hook of pytest or of a plug-in broke: pytest would end with INTERNALERROR."""
        import traceback

        text = "".join(traceback.format_exception(type(problem), problem, problem.__traceback__))
        self.ended = "internal error"
        self._write("%s%s\n" % (self.pending, channel.encode(["e", index, str(problem)[:1000], text[-20_000:]])))
        self.pending = ""

    def _obey(self, instruction):
        if instruction is None:
            self.stopping = True
            return
        op = instruction["op"]
        if op == "unit":
            tests = instruction["tests"]
            environment = instruction.get("environment")
            if environment:
                os.environ.update(environment)
            self.queue.extend((instruction["unit"], index, index == tests[-1]) for index in tests)
            self.hold = False
        elif op == "hold":
            self.hold = True
        elif op == "close":
            self.closed = True
        elif op == "go":
            self.may_go_on = True
        elif op == "stop":
            self.stopping = True
        elif op == "interrupt" and instruction.get("why") == "cancelled":
            self.stopping = True

    def _pause_item(self):
        if self.pause is None:
            self.pause = _Pause.from_parent(self.session, name="pause")
        return self.pause

    def _on_interrupt(self, _signal, _frame):
        """Raise in the test that the controller means; a signal that comes late finds another test and does nothing."""
        __tracebackhide__ = True
        fold = self.fold
        if fold is None or self.interrupting is not None:
            return
        while self.pipe.ready():
            instruction = self.pipe.read()
            if instruction is None or instruction["op"] != "interrupt":
                self._obey(instruction)
                continue
            if instruction["test"] == fold.index or instruction["why"] == "cancelled":
                self.interrupting = instruction["why"]
                raise TestInterrupted(instruction.get("message", ""))

    def _write(self, text):
        if text:
            self.pipe.write(text)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item):
        """What a test's own body does to the process is undone; what fixtures do is theirs to undo."""
        before = adaptation.process_state()
        yield
        adaptation.restore_process_state(before)

    # -- what pytest tells ------------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        fold = self.fold
        if fold is None:
            return
        is_subtest = type(report).__name__ in ("SubtestReport", "SubTestReport")
        if fold.subtests or fold.subtests_passed or is_subtest:
            self.config.hook.pytest_report_teststatus(report=report, config=self.config)
        fold.add(report, is_subtest)
        if self.echo is not None and self.interrupting is None:
            self.echo.report(report)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logstart(self, nodeid, location):
        if self.echo is not None and self.echo.everything:
            self.echo.edge("start", nodeid, location)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid, location):
        if self.echo is not None and self.echo.everything:
            self.echo.edge("finish", nodeid, location)

    def warn(self, warning):
        """One warning of a test; equal ones are counted and told once."""
        key = (warning[0], warning[1], warning[4])
        count, first = self.warned.get(key, (0, warning))
        self.warned[key] = (count + 1, first)

    def _tell_warnings(self):
        lines = [
            channel.encode(["w", [text[:4000] for text in warning], count]) for count, warning in self.warned.values()
        ]
        self.warned = {}
        self._write("".join(line + "\n" for line in lines))

    def goodbye(self, status):
        """After pytest's own session end: the last words, with what a session fixture's teardown may have broken."""
        self._tell_warnings()
        table = adaptation.benchmark_table(self.config, self.zygote.summary)
        if table:
            self.pipe.write(channel.encode(["y", table]) + "\n")
        self.pipe.write(channel.encode(["z", int(status)]) + "\n")

    # -- session fixtures -------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session):
        """Tear down what a hold left standing; pytest would only crash on an error here."""
        try:
            session._setupstate.teardown_exact(None)
        except BaseException as problem:
            import traceback

            text = "".join(traceback.format_exception(type(problem), problem, problem.__traceback__))
            self.pipe.write(channel.encode(["t", str(problem)[:1000], text[-20_000:]]) + "\n")
