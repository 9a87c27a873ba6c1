"""What a fork or a lane needs from pytest's and plug-ins' own state, one function a matter.

Rules: each function names the plug-in or pytest part it knows; where that part is absent or has changed shape it
does nothing. No project is special here.
"""

import atexit
import io
import os
import random
import signal
import stat
import sys
import tempfile
import threading
import weakref

LANE_NAMES = frozenset({"PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID", "APEX_WORKER_ID"})

CONTENT_WITHOUT_REPORTS = frozenset({"pytest_cov", "_hypothesis_pytestplugin", "hypothesispytest", "xdist"})
"""Plug-ins whose summary needs no replayed reports."""


def xdist_off(option):
    """`-n N` in a project's own options becomes `-n0`: lanes replace xdist (pytest-xdist)."""
    for name, value in (("numprocesses", None), ("tx", []), ("dist", "no"), ("looponfail", False)):
        if hasattr(option, name):
            setattr(option, name, value)


def silence_terminal(config, summary):
    """Point pytest's terminal reporter at `summary`, which keeps text only while `summary.keep` is true."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    summary.keep = False
    keep = summary.write

    class Sieve(io.TextIOBase):
        encoding = "utf-8"

        def write(self, text):
            return keep(text) if summary.keep else len(text)

        def isatty(self):
            return False

    writer = config.get_terminal_writer()
    writer._file = Sieve()
    writer.hasmarkup = False
    for name in (
        "summary_errors",
        "summary_failures",
        "summary_xfailures",
        "summary_xpasses",
        "summary_warnings",
        "summary_passes",
        "short_test_summary",
        "summary_stats",
    ):
        if hasattr(reporter, name):
            setattr(reporter, name, _nothing)


def _nothing(*_arguments, **_named):
    return None


def wanted_reports(config):
    """Whether some plug-in of the project needs every report replayed (logreport or terminal_summary hooks)."""
    if getattr(config.option, "durations", None):
        return True
    if getattr(config.option, "xmlpath", None) or getattr(config.option, "stepwise", False):
        return True
    cache = config.pluginmanager.getplugin("lfplugin")
    if cache is not None and getattr(cache, "lastfailed", None):
        return True
    for name in ("pytest_runtest_logreport", "pytest_terminal_summary", "pytest_runtest_logstart", "pytest_runtest_logfinish"):
        for implementation in getattr(config.hook, name).get_hookimpls():
            module = _module_of(implementation.plugin)
            if not module.startswith(("_pytest.", "_apex_inside")) and module.split(".")[0] not in CONTENT_WITHOUT_REPORTS:
                return True
    return False


def _module_of(plugin):
    name = getattr(plugin, "__name__", None) if not isinstance(plugin, type) else None
    if isinstance(name, str) and name in sys.modules:
        return name
    return type(plugin).__module__


class _WatchedEnvironment(os._Environ):
    """os.environ that notes when a variable which differs per lane is read."""

    def __getitem__(self, key):
        if key in LANE_NAMES and _is_harmless_reader(key):
            raise KeyError(key)
        return super().__getitem__(key)

    def __contains__(self, key):
        if key in LANE_NAMES and _is_harmless_reader(key):
            return False
        return super().__contains__(key)


HARMLESS_READERS = frozenset({"pytest_benchmark", "xdist"})
"""Plug-ins that only want to know whether xdist runs, which it does not."""


def _is_harmless_reader(key):
    """Whether a plug-in asks that is better told nothing; any other reader is noted."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") in ("os", "_collections_abc", "collections.abc"):
        frame = frame.f_back
    module = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
    if module.split(".")[0] in HARMLESS_READERS:
        return True
    _READ.add(key)
    return False


_READ = set()


class Surroundings:
    """Watches, from before the conftests are loaded until the fork, for what makes forking unsafe."""

    def __init__(self):
        self.seeded = False
        self._environment = type(os.environ)
        self._seed = random.seed

    def watch(self):
        os.environ.__class__ = _WatchedEnvironment
        random.seed = self._note_seed

    def _note_seed(self, *arguments, **named):
        self.seeded = True
        return self._seed(*arguments, **named)

    def unsafe_to_fork(self, control_fd, config):
        """Why lanes should be spawned rather than forked; '' when forking is safe. Ends the watch."""
        os.environ.__class__ = self._environment
        random.seed = self._seed
        if _READ:
            return "%s was read while collecting" % ", ".join(sorted(_READ))
        others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
        threads = [thread for thread in others if not _serves_rerunfailures(thread)]
        if threads:
            return "threads run after collection: %s" % ", ".join(thread.name for thread in threads[:5])
        try:
            tasks = len(os.listdir("/proc/self/task"))
        except OSError:
            tasks = 1
        if tasks > 1 + len(others):
            return "%d native threads run after collection" % (tasks - 1 - len(others))
        return self._open_sockets({control_fd, _rerunfailures_socket(config)})

    @staticmethod
    def _open_sockets(known):
        try:
            descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
        except OSError:
            return ""
        for fd in descriptors:
            if fd in known or fd <= 2:
                continue
            try:
                status = os.fstat(fd)
                if stat.S_ISSOCK(status.st_mode):
                    return "a socket is open after collection"
                if "eventpoll" in os.readlink("/proc/self/fd/%d" % fd):
                    return "an event loop is open after collection"
            except OSError:
                continue
        return ""


def _serves_rerunfailures(thread):
    """pytest-rerunfailures starts a server for xdist's workers where xdist is installed; lanes use its store directly."""
    return getattr(getattr(thread, "_target", None), "__module__", "") == "pytest_rerunfailures"


def _rerunfailures_socket(config):
    server = getattr(getattr(config, "failures_db", None), "sock", None)
    return server.fileno() if server is not None else -1


def mute_reporter(config):
    """In a lane the terminal reporter stays registered but hears nothing."""
    manager = config.pluginmanager
    reporter = manager.getplugin("terminalreporter")
    if reporter is None:
        return
    for caller in manager.get_hookcallers(reporter) or ():
        caller._remove_plugin(reporter)


def mute_junit(config):
    """pytest's own JUnit file is written by the zygote only (_pytest.junitxml)."""
    for plugin in list(config.pluginmanager.get_plugins()):
        if type(plugin).__name__ == "LogXML" and type(plugin).__module__ == "_pytest.junitxml":
            config.pluginmanager.unregister(plugin)


def restart_capture(config):
    """Files behind pytest's capture are shared after a fork: put new ones behind the same objects (_pytest.capture).

    The objects stay, because tests that were collected may hold on to `sys.stdout`.
    """
    manager = config.pluginmanager.getplugin("capturemanager")
    capturing = getattr(manager, "_global_capturing", None)
    if capturing is None:
        return
    capturing.readouterr()
    for capture in (capturing.out, capturing.err):
        _own_file(capture)
    cap_output(manager)


def _own_file(capture):
    """Give a capture of a file descriptor an empty file of this process's own, under the same numbers."""
    tmpfile, target = getattr(capture, "tmpfile", None), getattr(capture, "targetfd", None)
    if tmpfile is None or not isinstance(target, int):
        return
    try:
        fd = tmpfile.fileno()
    except (OSError, ValueError, AttributeError):
        return  # it captures in memory: nothing is shared
    redirected = os.path.sameopenfile(fd, target)
    with tempfile.TemporaryFile(buffering=0) as fresh:
        os.dup2(fresh.fileno(), fd, inheritable=False)
    if redirected:
        os.dup2(fd, target)


MOST_OUTPUT = 8 << 20


def cap_output(manager):
    """A test that prints gigabytes must not fill memory: read back only head and tail of what pytest captured."""
    capturing = manager._global_capturing
    for capture in (capturing.out, capturing.err):
        tmpfile = getattr(capture, "tmpfile", None)
        if capture is None or not hasattr(capture, "snap") or not hasattr(tmpfile, "buffer"):
            continue
        capture.snap = _capped_snap(capture, capture.snap)


def _capped_snap(capture, whole):
    def snap():
        buffer = capture.tmpfile.buffer
        try:
            size = os.fstat(buffer.fileno()).st_size
        except (OSError, ValueError):
            return whole()
        if size <= 2 * MOST_OUTPUT:
            return whole()
        buffer.flush()
        buffer.seek(0)
        head = buffer.read(MOST_OUTPUT)
        buffer.seek(size - MOST_OUTPUT)
        tail = buffer.read(MOST_OUTPUT)
        buffer.seek(0)
        buffer.truncate()
        dropped = "\n... %d bytes dropped ...\n" % (size - 2 * MOST_OUTPUT)
        return head.decode("utf-8", "replace") + dropped + tail.decode("utf-8", "replace")

    return snap


def own_basetemp(config, worker):
    """Each lane has a temporary directory of its own below the session's, named as xdist names it."""
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is None:
        return
    base = factory.getbasetemp() / ("popen-" + worker)
    base.mkdir(exist_ok=True, mode=0o700)
    factory._basetemp = base


def reseed(seeded):
    """Lanes must not draw the same numbers, unless the project seeded them on purpose."""
    if not seeded:
        random.seed()


def forget_exit_handlers():
    """Exit handlers registered before the fork belong to the zygote."""
    atexit._clear()
    registry = weakref.finalize._registry
    if registry:
        for finalizer in list(registry):
            finalizer.atexit = False
    if weakref.finalize._registered_with_atexit:
        atexit.register(weakref.finalize._exitfunc)
    logging = sys.modules.get("logging")
    if logging is not None:
        atexit.register(logging.shutdown)


def restart_coverage(config):
    """Coverage measured by pytest-cov starts anew in a lane, into a data file that the zygote combines at the end."""
    plugin = config.pluginmanager.getplugin("_cov")
    controller = getattr(plugin, "cov_controller", None)
    running = getattr(controller, "cov", None)
    if running is None or not controller.started:
        return
    import coverage

    running.stop()
    measuring = coverage.Coverage(
        source=controller.cov_source,
        branch=controller.cov_branch,
        data_suffix=True,
        data_file=os.path.abspath(running.config.data_file),
        config_file=controller.cov_config,
    )
    measuring._warn_no_data = False
    measuring._warn_unimported_source = False
    measuring._warn_preimported_source = False

    def finish():
        measuring.stop()
        measuring.save()
        controller.started = False

    measuring.start()
    controller.cov = measuring
    controller.finish = finish


_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGCHLD,
    signal.SIGALRM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGPIPE,
)
_getcwd, _getsignal, _sigmask, _getitimer = os.getcwd, signal.getsignal, signal.pthread_sigmask, signal.getitimer
_set_wakeup_fd = signal.set_wakeup_fd


def process_state():
    """Directory, signal handlers, mask, timer and wake-up descriptor: what a test's body may leave changed."""
    try:
        directory = _getcwd()
    except OSError:
        directory = None
    wakeup = _set_wakeup_fd(-1)
    if wakeup != -1:
        _set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    handlers = [_getsignal(number) for number in _SIGNALS]
    return directory, handlers, _sigmask(signal.SIG_BLOCK, ()), _getitimer(signal.ITIMER_REAL)[0] > 0, wakeup


def restore_process_state(before):
    """Undo what the body of a test changed."""
    after = process_state()
    if after == before:
        return
    directory, handlers, mask, timed, wakeup = before
    if directory is not None and after[0] != directory:
        try:
            os.chdir(directory)
        except OSError:
            pass  # the test removed it: there is nothing to go back to
    for number, handler in zip(_SIGNALS, handlers):
        if handler is not None and _getsignal(number) is not handler:
            signal.signal(number, handler)
    if after[2] != mask:
        _sigmask(signal.SIG_SETMASK, mask)
    if after[3] and not timed:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if after[4] != wakeup:
        _set_wakeup_fd(wakeup)


def benchmark_table(config, summary):
    """What pytest-benchmark shows of the tests that this lane measured; '' where there is nothing."""
    measured = getattr(config, "_benchmarksession", None)
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or not getattr(measured, "benchmarks", None):
        return ""
    summary.keep = True
    measured.display(reporter)
    summary.keep = False
    return summary.getvalue()
