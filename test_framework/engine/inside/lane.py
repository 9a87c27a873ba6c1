"""A lane: a pytest session that runs the tests it is told to run, and reports each the moment it is over.

Rules: one write per test (the result of the test before and the start of the next); a lane speaks of tests by their
index; it looks for instructions between tests and while it waits; the interrupt signal raises inside the test it was
meant for and nowhere else. Instructions: unit, hold, close, go, stop, interrupt. Lines: r(eady), s(tarted), p(assed),
f(inished otherwise), d(ependencies of a test), su(b)test, u(nit over), i(nterrupted), w(arning), x (the end is asked
for), e (internal error), t(eardown of the session failed), y (a plug-in's table), z (goodbye).
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from . import adaptation, channel
from .capturing import restart_capture
from .contention import watch_ports
from .hearing import mute_for_lane
from .junit import send_junit_to
from .leftovers import Leftovers
from .replay import Echo
from .reporter import Fold
from .telling import Warnings
from .terminal import Summary
from .tracebacks import mend, stems_from

if TYPE_CHECKING:
    from .recorder import Recorder
    from .session_ends import SessionEnds

INTERRUPT = signal.SIGRTMAX - 3
DUMP = signal.SIGRTMAX - 4
MOST_TRACEBACK = 20_000
"""characters"""


_Outcome: Any = pytest.fail.Exception.__mro__[1]


class TestInterrupted(_Outcome):  # type: ignore[misc]
    """Raised inside a running test when its time is up or the run is cancelled.

    One of pytest's own outcomes: it is no `Exception`, and a fixture that ends with it is kept as one that failed. With
    any other exception pytest takes a session fixture for broken, and every later test of it with it.
    """

    __test__ = False
    __module__ = "apex"


class _Pause(pytest.Item):
    """Stands for "some test, later": pytest tears down all but session fixtures before it."""

    def runtest(self) -> None:
        raise RuntimeError("a pause is never run")


class Lane:
    """One lane's loop; also the pytest plug-in that hears the reports."""

    def __init__(
        self,
        session: pytest.Session,
        message: Mapping[str, Any],
        pipe: channel.LanePipe,
        crash_fd: int,
        summary: Summary,
        *,
        echo: Echo | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.session = session
        self.config: Any = session.config
        self.message = message
        self.pipe = pipe
        self.crash_fd = crash_fd
        self.summary = summary
        self.echo = echo
        """the way to the plug-ins of the session that collected; None where that is this one"""
        self.recorder = recorder
        self.forked = False
        self.seeded = False
        self.ends: SessionEnds | None = None
        self.worker = f"gw{message['lane']}"
        self.queue: deque[tuple[int, int, bool]] = deque()
        """(unit, index of the test, whether it is the unit's last)"""
        self.hold: bool = False
        self.closed: bool = False
        self.stopping: bool = False
        self.fold: Fold | None = None
        self.interrupting: str | None = None
        self.pending = ""
        self.pause: pytest.Item | None = None
        self.warnings = Warnings()
        self.leftovers = Leftovers()
        self.ended = ""
        self.asks = bool(message.get("asks"))
        self.may_go_on = True
        self.contended = 0
        """a port that another lane did not give back: from then on a bad test may be bad for that"""

    def was_forked(self, seeded: bool, ends: SessionEnds | None) -> None:
        """It is a child of the session that collected; `seeded`: whether the project seeded `random` there."""
        self.forked, self.seeded, self.ends = True, seeded, ends

    # -- birth ------------------------------------------------------------------------------------------------

    def run(self) -> bool:
        """Be born and run tests until told to end; returns True for pytest's loop."""
        self._be_born()
        self.pipe.write(f'["r",{channel.own_pid()}]\n')
        try:
            self._loop()
            self._tear_down()
        finally:
            self._tell_warnings(self.warnings.rest())
            self._write_pending()
        if self.ended:
            raise self.session.Interrupted(self.ended)
        return True

    def _be_born(self) -> None:
        config = self.config
        os.environ["APEX_WORKER_ID"] = self.worker
        if self.forked:
            os.setsid()
            adaptation.forget_exit_handlers()
            restart_capture(config)
            adaptation.own_basetemp(config, self.worker)
            adaptation.reseed(self.seeded)
            if self.ends is not None:
                self.ends.leave_to_zygote()
        if self.echo is not None:
            echo = self.echo
            adaptation.restart_coverage(config)
            adaptation.show_reruns()
            mute_for_lane(config)
            send_junit_to(config, lambda kind, values: echo.send([kind, values]))
            adaptation.look_like_a_worker(config, self.worker, self.message)
        self.session.testsfailed = 0
        self.session.shouldstop = self.session.shouldfail = False
        if hasattr(config.option, "maxfail"):
            config.option.maxfail = 0
        faulthandler.enable(self.crash_fd, all_threads=True)
        for number in (INTERRUPT, DUMP):  # a dump's signal can end a call in C, and no test may pass by that
            signal.signal(number, self._on_interrupt)
        faulthandler.register(DUMP, file=self.crash_fd, all_threads=True, chain=True)
        if self.message["lanes"] > 1:
            watch_ports(self._port_lost)
        config.pluginmanager.register(self, "apex-lane")
        if self.recorder is not None:
            self.recorder.begin_process(config, self.message)

    # -- the loop ---------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        items, protocol = self.session.items, self.config.hook.pytest_runtest_protocol
        while not self.ended:
            while self.pipe.ready():
                self._obey(self.pipe.read())
            if self.stopping:
                return
            if not self.queue:
                self._write_pending()
                if self.closed:
                    return
                self._obey(self.pipe.read())
                continue
            unit, index, last = self.queue.popleft()
            if not self._wait_for_what_follows():
                return
            if self.queue:
                following: pytest.Item | None = items[self.queue[0][1]]
            else:
                following = None if self.closed else self._pause_item()
            self.interrupting = None
            self.pending += f'["s",{index},{channel.monotonic():.6f}]\n'
            self._write_pending()
            self._run_test(protocol, items[index], index, following)
            if last:
                why = channel.encode(self.recorder.why_kept() if self.recorder is not None else "")
                self.pending += f'["u",{unit},{why}]\n'
                self._write_pending()

    def _tear_down(self, following: pytest.Item | None = None) -> None:
        """Tear down what the following test does not need, inside of pytest's loop, where coverage is measured."""
        state: Any = self.session
        try:
            state._setupstate.teardown_exact(following)
        except BaseException as problem:
            text = "".join(traceback.format_exception(problem))
            self._say(["t", str(problem)[:1000], text[-MOST_TRACEBACK:]])

    def _wait_for_what_follows(self) -> bool:
        """Wait until the next test, or that there is none, is known; False when the lane has to stop."""
        if not self._knows_what_follows():
            self._write_pending()
            while not self._knows_what_follows() and not self.stopping:
                self._obey(self.pipe.read())
        return not self.stopping

    def _knows_what_follows(self) -> bool:
        return bool(self.queue) or self.hold or self.closed

    def _run_test(
        self, protocol: Callable[..., Any], item: pytest.Item, index: int, following: pytest.Item | None
    ) -> None:
        recorder = self.recorder
        if recorder is not None:
            recorder.begin_test()
        self.leftovers.about_to_run(item.nodeid)
        fold = self.fold = Fold(index, bool(self.contended))
        try:
            self._on_interrupt()  # the signal may have come while the test was told of and had no fold yet
            protocol(item=item, nextitem=following)
        except TestInterrupted:  # it reached us between pytest's phases: the fold says what is known
            self._tear_down(following)
        except (KeyboardInterrupt, pytest.exit.Exception) as asked:
            self._end_run(asked)
        except BaseException as problem:
            if self.interrupting is not None and stems_from(problem, TestInterrupted):
                self._tear_down(following)
            else:
                self._internal_error(index, problem)
        finally:
            self.fold = None
        if self.ended and not fold.complete():
            self.interrupting = "cancelled"
        if recorder is not None:
            self.pending += recorder.end_test(item, index)
        self._finish_test(fold)
        request = self.session.shouldstop or self.session.shouldfail
        if request and not self.ended:
            self._end_run(request)

    def _finish_test(self, fold: Fold) -> None:
        if self.interrupting is not None:
            end = channel.encode([self.interrupting, fold.failure_text()])
            self.pending += f'["i",{fold.index},{fold.seconds():.6f},{end}]\n'
            if self.interrupting == "cancelled":
                self.stopping = True
        else:
            self.pending += fold.lines()
        self._tell_warnings(self.warnings.fresh())
        if self.asks and not self.ended and fold.bad():
            self._ask_whether_to_go_on()

    def _ask_whether_to_go_on(self) -> None:
        """After a bad test nothing more may start until the controller has heard of it and said so."""
        self._write_pending()
        self.may_go_on = False
        while not self.may_go_on and not self.stopping:
            self._obey(self.pipe.read())

    def _end_run(self, request: BaseException | str | bool) -> None:
        """A test or a plug-in asked for the end of the run, as `pytest.exit` does."""
        said = getattr(request, "msg", "") or type(request).__name__
        reason = request if isinstance(request, str) else said
        kind = "KeyboardInterrupt" if isinstance(request, KeyboardInterrupt) else "exit"
        self.ended = str(reason)
        self._say(["x", self.ended, getattr(request, "returncode", None), kind])

    def _internal_error(self, index: int, problem: BaseException) -> None:
        """A hook of pytest or of a plug-in broke: pytest would end with INTERNALERROR."""
        text = "".join(traceback.format_exception(problem))
        self.ended = "internal error"
        self._say(["e", index, str(problem)[:1000], text[-MOST_TRACEBACK:]])

    def _obey(self, instruction: Mapping[str, Any] | None) -> None:
        if instruction is None:
            self.stopping = True
            return
        match instruction["op"]:
            case "unit":
                tests = instruction["tests"]
                environment = instruction.get("environment")
                if environment:
                    os.environ.update(environment)
                self.queue.extend((instruction["unit"], index, index == tests[-1]) for index in tests)
                self.hold = False
            case "hold":
                self.hold = True
            case "close":
                self.closed = True
            case "go":
                self.may_go_on = True
            case "stop":
                self.stopping = True
            case "interrupt" if instruction.get("why") == "cancelled":
                self.stopping = True

    def _pause_item(self) -> pytest.Item:
        if self.pause is None:
            self.pause = _Pause.from_parent(self.session, name="pause")
        return self.pause

    def _on_interrupt(self, _signal: int = 0, _frame: object = None) -> None:
        """Raise in the test that the controller means; a signal that comes late finds another test and does nothing."""
        __tracebackhide__ = True
        fold = self.fold
        if fold is None or self.interrupting is not None:
            return
        if fold.breaks_off:
            fold.breaks_off = False
            raise TestInterrupted(f"port {self.contended} is held by another lane of this run")
        while self.pipe.ready():
            instruction = self.pipe.read()
            if instruction is None or instruction["op"] != "interrupt":
                self._obey(instruction)
                continue
            if instruction["test"] == fold.index or instruction["why"] == "cancelled":
                self.interrupting = instruction["why"]
                raise TestInterrupted(instruction.get("message", ""))

    def _port_lost(self, port: int) -> None:
        """The running test cannot have a port because of another lane; what waits for its server may wait for ever."""
        self.contended = port
        fold = self.fold
        if fold is None:
            return
        fold.contended = True
        if threading.current_thread() is not threading.main_thread():
            fold.breaks_off = True
            os.kill(channel.own_pid(), INTERRUPT)

    # -- what is told -----------------------------------------------------------------------------------------

    def _write_pending(self) -> None:
        text, self.pending = self.pending, ""
        if text:
            self.pipe.write(text)

    def _say(self, message: list[Any]) -> None:
        """Tell a rare thing at once, after all that is pending."""
        self.pending += f"{channel.encode(message)}\n"
        self._write_pending()

    def warn(self, warning: warnings.WarningMessage, when: str, nodeid: str) -> None:
        """A warning was recorded."""
        place = f"{warning.filename}:{warning.lineno}"
        self.warnings.hear([warning.category.__name__, str(warning.message), when, nodeid, place])
        if self.echo is not None:
            self.echo.warning(warning, when, nodeid)

    def _tell_warnings(self, told: list[tuple[list[str], int]]) -> None:
        for row, count in told:
            self.pending += f"{channel.encode(['w', [text[:4000] for text in row], count])}\n"

    def goodbye(self, status: int) -> None:
        """After pytest's own session end: the last words."""
        self._tell_warnings(self.warnings.rest())
        table = adaptation.benchmark_table(self.config, self.summary)
        if table:
            self._say(["y", table])
        self._say(["z", int(status)])

    # -- what pytest tells ------------------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self.leftovers.body_begins()
        yield
        self.leftovers.body_over()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[object]) -> None:
        if self.interrupting is not None:
            mend(call)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
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
    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        if self.echo is not None:
            self.echo.edge("start", nodeid, location)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        if self.echo is not None:
            self.echo.edge("finish", nodeid, location)
