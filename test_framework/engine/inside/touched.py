"""What the project's code did outside of the interpreter: files read, directories listed, processes begun.

Rules: an audit hook, which cannot be taken back and must never raise; what a process wrote or made itself is no
dependency of it; what pytest, the import system or we look at is none either. What cannot be followed into (another
process, a server, a native library) is a reason why nothing can be proven from here on.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .project_paths import CACHES, ProjectPaths

FILE, DIRECTORY, ABSENT = "file", "directory", "absent"
WRITING = os.O_WRONLY | os.O_RDWR
LOOPBACK = ("127.", "::1", "localhost")
PYTEST = ("_pytest", "pluggy", "pytest", "_apex_inside")
STARTERS = frozenset({"subprocess", "os"})
ASK_THE_MACHINE = frozenset({"ctypes.util", "platform", "uuid"})
"""modules of the standard library that start programs to learn what machine this is: the environment, not the tests"""
ASK_FOR_REPORTS = frozenset({"pytest_benchmark.utils"})
"""modules of installed plug-ins that start programs to learn what to write into their reports (a repository's name)"""
TREE_WALKERS = frozenset({"shutil", "os"})
"""modules that open directories by names relative to a descriptor, which no hook is told"""

_stat, _listdir, _getframe, _ident = os.stat, os.listdir, sys._getframe, threading.get_ident
_dirname, _exists, _isabs, _fsdecode = os.path.dirname, os.path.exists, os.path.isabs, os.fsdecode

Datum = tuple[str, str, Any, int]
"""(path as told, kind, size of a file or digest of a directory, mtime_ns of a file)"""


def directory_digest(names: list[str]) -> str:
    """SHA-256 of the sorted names but those of caches, joined with NUL."""
    kept = sorted(os.fsencode(name) for name in names if name not in CACHES)
    return hashlib.sha256(b"\0".join(kept)).hexdigest()


class Touched:
    """What one process touched; in a lane it goes on with what was touched before the fork."""

    def __init__(self, paths: ProjectPaths, executed: Callable[[object], None] | None) -> None:
        """`executed` is told of each code object that `exec` is called with."""
        self._paths = paths
        self._known: set[tuple[str, str]] = set()
        self._own: set[str] = set()
        """paths that this process, or the one that it was forked from, wrote or made"""
        self._found: list[Datum] = []
        self._reasons: list[str] = []
        self._listening: list[weakref.ref[Any]] = []
        self._busy = 0
        self._handlers: dict[str, Callable[..., None]] = {
            "open": self._open,
            "os.listdir": self._list,
            "os.scandir": self._list,
            "os.mkdir": self._made,
            "os.rename": self._renamed,
            "os.link": self._renamed,
            "os.symlink": self._renamed,
            "os.remove": self._written,
            "os.rmdir": self._written,
            "os.truncate": self._written,
            "import": self._imported,
            "sqlite3.connect": self._database,
            "subprocess.Popen": self._process,
            "os.posix_spawn": self._process,
            "os.spawn": self._spawned,
            "os.exec": self._process,
            "os.system": self._process,
            "os.fork": self._forked,
            "os.forkpty": self._forked,
            "pty.spawn": self._process,
            "ctypes.dlopen": self._library,
            "socket.bind": self._bound,
            "socket.connect": self._connected,
            "socket.sendto": self._connected,
            "socket.sendmsg": self._connected,
            "socket.getaddrinfo": self._looked_up,
            "socket.gethostbyname": self._looked_up,
        }
        if executed is not None:
            self._handlers["exec"] = executed

    def start(self) -> None:
        """Begin. There is no end: an audit hook stays."""
        handlers, me = self._handlers.get, _ident

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            handler = handlers(event)
            if handler is None or self._busy == me():
                return
            self._busy = me()
            try:
                handler(*arguments)
            except Exception as problem:
                self._reasons.append(f"{event} could not be followed: {type(problem).__name__}")
            finally:
                self._busy = 0

        sys.addaudithook(hook)

    def take(self) -> list[Datum]:
        """What was touched since this was last asked."""
        found, self._found = self._found, []
        return found

    def reasons(self) -> list[str]:
        """What could not be followed since this was last asked."""
        found, self._reasons = self._reasons, []
        return list(dict.fromkeys(found))

    def belongs_to_us(self, path: str) -> None:
        """What is below that path was made for the tests of this run."""
        self._own.add(path)

    def needs(self, full: str) -> None:
        """The running test depends on that file, whoever opened it."""
        told = self._paths.told(full)
        if told is not None and (told, FILE) not in self._known:
            status = _stat(full)
            self._known.add((told, FILE))
            self._found.append((told, FILE, status.st_size, status.st_mtime_ns))

    # -- who asks ---------------------------------------------------------------------------------------------

    def counts(self, frame: Any) -> bool:
        """Whether the first caller outside the standard library is not pytest, the import system or ours."""
        is_library = self._paths.is_library
        while frame is not None:
            filename = frame.f_code.co_filename
            if filename.startswith("<frozen importlib"):
                return False
            if not is_library(filename):
                return str(frame.f_globals.get("__name__", "")).partition(".")[0] not in PYTEST
            frame = frame.f_back
        return False

    # -- files ------------------------------------------------------------------------------------------------

    def _open(self, path: object, mode: object, flags: object) -> None:
        full = self._paths.absolute(path)
        if full is None:
            return
        how = flags if isinstance(flags, int) else 0
        if how & os.O_DIRECTORY or (mode is None and self._walks_tree(path)):
            return
        creates = how & os.O_TRUNC or how & os.O_EXCL
        if how & WRITING and creates:
            self._own.add(full)
            return
        self.looked_at(full, _getframe(2))
        if how & WRITING:
            self._own.add(full)

    @staticmethod
    def _walks_tree(path: Any) -> bool:
        """`os.open` of a name relative to a descriptor, as `shutil.rmtree` and `os.fwalk` do."""
        caller = _getframe(3).f_globals.get("__name__")
        return caller in TREE_WALKERS and not _isabs(_fsdecode(path))

    def looked_at(self, full: str, frame: Any, *, contents: bool = True) -> None:
        """A path was opened, or (`contents` is False) it was asked whether it is there."""
        told = self._paths.told(full)
        if told is None or (told, FILE) in self._known:
            return
        try:
            status = _stat(full)
        except OSError:
            datum: Datum = (told, ABSENT, 0, 0)
            if (told, ABSENT) in self._known or self._is_own(full):
                return
        else:
            if self._is_own(full):
                return
            if not stat.S_ISREG(status.st_mode):
                if contents and not stat.S_ISDIR(status.st_mode) and self.counts(frame):
                    self._reasons.append(f"it opened {told}, which is no regular file")
                return
            datum = (told, FILE, status.st_size, status.st_mtime_ns)
        self._note(datum, frame)

    def _list(self, path: object = ".") -> None:
        full = self._paths.absolute("." if path is None else path)
        told = self._paths.told(full) if full is not None else None
        if full is None or told is None or (told, DIRECTORY) in self._known or self._is_own(full):
            return
        frame = _getframe(2)
        try:
            self._note((told, DIRECTORY, directory_digest(_listdir(full)), 0), frame)
        except OSError:
            self._note((told, ABSENT, 0, 0), frame)

    def _note(self, datum: Datum, frame: Any) -> None:
        key = (datum[0], datum[1])
        if key not in self._known and self.counts(frame):
            self._known.add(key)
            self._found.append(datum)

    def _is_own(self, full: str) -> bool:
        own = self._own
        while len(full) > 1:
            if full in own:
                return True
            full = _dirname(full)
        return False

    def _written(self, path: object, *_more: object) -> None:
        full = self._paths.absolute(path)
        if full is not None:
            self._own.add(full)

    def _made(self, path: object, _mode: object = 0, directory: object = -1) -> None:
        full = self._paths.absolute(path)
        if full is not None and directory == -1 and not _exists(full):
            self._own.add(full)

    def _renamed(self, source: object, target: object, *_more: object) -> None:
        full = self._paths.absolute(source)
        if full is not None:
            self.looked_at(full, _getframe(2))
        self._written(target)

    def _imported(self, _name: object, filename: object = None, *_more: object) -> None:
        """An extension module is about to be loaded (the name of the file is told only then)."""
        full = self._paths.absolute(filename) if isinstance(filename, str) else None
        if full is not None:
            self.needs(full)

    def _database(self, path: object, *_more: object) -> None:
        if path in (":memory:", "", b":memory:"):
            return
        if isinstance(path, str) and path.startswith("file:"):
            if ":memory:" not in path and "mode=memory" not in path:
                self._reasons.append(f"it opened the database {path}")
            return
        full = self._paths.absolute(path)
        if full is not None:
            self.looked_at(full, _getframe(2))
            self._own.add(full)

    # -- what cannot be followed ------------------------------------------------------------------------------

    def _process(self, program: object, arguments: object = None, *_more: object) -> None:
        frame: Any = _getframe(2)
        while frame is not None and frame.f_globals.get("__name__") in STARTERS:
            frame = frame.f_back
        if frame is not None and self._only_asks(frame):
            return
        words = arguments if isinstance(arguments, list | tuple) else [program]
        text = " ".join(_text(word) for word in words)[:200]
        self._reasons.append(f"it started a process: {text}")

    def _only_asks(self, frame: Any) -> bool:
        """Whether a module that is not the project's own wants to know what no test's outcome follows from."""
        name = frame.f_globals.get("__name__")
        if name in ASK_THE_MACHINE:
            return True
        return name in ASK_FOR_REPORTS and self._paths.code(frame.f_code.co_filename) is None

    def _spawned(self, _mode: object, program: object, *_more: object) -> None:
        self._reasons.append(f"it started a process: {_text(program)}")

    def _forked(self) -> None:
        if not str(_getframe(2).f_globals.get("__name__")).startswith("_apex_inside"):
            self._reasons.append("it forked a process")

    def spawned_unseen(self, _frame: Any) -> None:
        """multiprocessing starts its processes past every audit event."""
        self._reasons.append("it started a process: multiprocessing")

    def _library(self, name: object) -> None:
        if name is None or name == "" or not self.counts(_getframe(2)):
            return
        frame: Any = _getframe(2)
        while frame is not None and self._paths.is_library(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is not None and not frame.f_code.co_filename.startswith(self._paths.packages):
            self._reasons.append(f"it loaded the native library {_text(name)}")

    def _bound(self, socket: Any, _address: object) -> None:
        with suppress(TypeError):
            self._listening.append(weakref.ref(socket))

    def _connected(self, socket: Any, address: object = None) -> None:
        if address is None or self._is_ours(address):
            return
        self._reasons.append(f"it used the network: {_address_text(address)}")

    def _is_ours(self, address: object) -> bool:
        """Whether the address is one that a socket of this process is bound to."""
        port = address[1] if isinstance(address, tuple) and len(address) > 1 else None
        if port is not None and not str(address[0]).startswith(LOOPBACK):  # type: ignore[index]
            return False
        for reference in self._listening:
            socket = reference()
            if socket is None:
                continue
            try:
                name = socket.getsockname()
            except OSError:
                continue
            if name == address or (port is not None and isinstance(name, tuple) and name[1] == port):
                return True
        return False

    def _looked_up(self, host: object, *_more: object) -> None:
        text = _text(host)
        numeric = text.replace(".", "").isdigit() or ":" in text
        if host is not None and text and not numeric and not text.startswith(LOOPBACK):
            self._reasons.append(f"it looked up the host {text}")


def _text(value: object) -> str:
    return os.fsdecode(value) if isinstance(value, bytes | os.PathLike) else str(value)


def _address_text(address: object) -> str:
    if isinstance(address, tuple) and len(address) > 1:
        return f"{address[0]}:{address[1]}"
    return _text(address)
