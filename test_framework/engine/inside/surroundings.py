"""Watches, from before the conftests are loaded until the fork, for what makes forking unsafe.

Rules: nothing is changed for the project but the class of `os.environ` and the function `random.seed`, and both are put
back when the watch ends.
"""

from __future__ import annotations

import os
import random
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Environ = os._Environ[str]
else:
    _Environ = os._Environ

LANE_NAMES = frozenset(
    {"PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID", "APEX_WORKER_ID"}
)
HARMLESS_READERS = frozenset({"pytest_benchmark", "xdist"})
"""Plug-ins that only want to know whether xdist runs, which it does not."""
ENVIRONMENT_MODULES = ("os", "_collections_abc", "collections.abc")
_READ: set[str] = set()


class _WatchedEnvironment(_Environ):
    """os.environ that notes when a variable which differs per lane is read."""

    def __getitem__(self, key: str) -> str:
        if key in LANE_NAMES and _is_harmless_reader(key):
            raise KeyError(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        if key in LANE_NAMES and _is_harmless_reader(str(key)):
            return False
        return super().__contains__(key)


def _is_harmless_reader(key: str) -> bool:
    """Whether a plug-in asks that is better told nothing; any other reader is noted."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") in ENVIRONMENT_MODULES:
        frame = frame.f_back
    module = str(frame.f_globals.get("__name__", ""))
    if module.split(".", maxsplit=1)[0] in HARMLESS_READERS:
        return True
    _READ.add(key)
    return False


class Surroundings:
    """The watch of one session."""

    def __init__(self) -> None:
        self.seeded = False
        """whether the project seeded `random` itself"""
        self._environment: Any = type(os.environ)
        self._seed = random.seed

    def watch(self) -> None:
        """Begin."""
        environ: Any = os.environ
        environ.__class__ = _WatchedEnvironment
        module: Any = random
        module.seed = self._note_seed

    def _note_seed(self, *arguments: Any, **named: Any) -> None:
        self.seeded = True
        self._seed(*arguments, **named)

    def unsafe_to_fork(self, control_fd: int, config: Any) -> str:
        """Why lanes should be spawned rather than forked; '' when forking is safe. Ends the watch."""
        environ: Any = os.environ
        environ.__class__ = self._environment
        module: Any = random
        module.seed = self._seed
        if _READ:
            return f"{', '.join(sorted(_READ))} was read while collecting"
        others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
        threads = [thread for thread in others if not _serves_rerunfailures(thread)]
        if threads:
            return f"threads run after collection: {', '.join(thread.name for thread in threads[:5])}"
        try:
            tasks = len(os.listdir("/proc/self/task"))
        except OSError:
            tasks = 1
        native = tasks - 1 - len(others)
        if native > 0:
            return f"{native} native threads run after collection"
        return self._open_sockets({control_fd, _rerunfailures_socket(config)})

    @staticmethod
    def _open_sockets(known: set[int]) -> str:
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
                if "eventpoll" in os.readlink(f"/proc/self/fd/{fd}"):
                    return "an event loop is open after collection"
            except OSError:
                continue
        return ""


def _serves_rerunfailures(thread: threading.Thread) -> bool:
    """pytest-rerunfailures starts a server for xdist's workers where xdist is installed; lanes need none."""
    return getattr(getattr(thread, "_target", None), "__module__", "") == "pytest_rerunfailures"


def _rerunfailures_socket(config: Any) -> int:
    server = getattr(getattr(config, "failures_db", None), "sock", None)
    return int(server.fileno()) if server is not None else -1
