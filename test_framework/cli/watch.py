"""`apex watch`: runs, waits until files are saved, and runs again what the change reaches.

Rules: each run is the command itself, in a process of its own that reads no terminal, so that nothing of one run is
felt by the next. A saved source or configuration file ends the run that goes on, gently, and the next one begins; what
else changes meanwhile (tests write files too) waits until it is over. Files that git ignores do not count. Ctrl-C ends
the run and the watching with the last run's exit code; once more kills. Between runs only the watcher is alive.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from test_framework.cli.arguments import parse
from test_framework.configuration.load import PLACES
from test_framework.engine.project import find_root
from test_framework.model.errors import UserError

SOURCES = (".py", ".pyi", ".pyx")
CONFIGURATION = frozenset({*PLACES, "pytest.ini", "tox.ini", "setup.cfg", "conftest.py"})
OURS = (".apex", ".ruff_cache", ".nox", "htmlcov")
PYTEST_MAKES = "pytest-cache-files-"
"""begins the name under which pytest makes its cache, before it is renamed"""
MOST_NAMES = 3
SAVED, ENDED, TOLD = "saved", "ended", "told"
"""kinds of events: files were saved, the run has ended, somebody told us to end"""


def run(arguments: Sequence[str], prog: str) -> int:
    """Watch until told to end; the last run's exit code. Raises `UserError`."""
    options, _ = parse(arguments, prog)
    if options.pdb:
        raise UserError(
            "watch and --pdb contradict each other: nobody would be at the debugger", "run with --pdb"
        )
    try:
        import watchfiles
    except ImportError as problem:
        raise UserError(
            f"apex watch needs watchfiles, which is not installed ({problem.name})",
            f"install it: {sys.executable} -m pip install watchfiles",
        ) from problem
    root = find_root(options.project_root)
    # What stands before our own words started this interpreter, and starts it again.
    program = [sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]]
    return Watch(root, [*program, *arguments], watchfiles).until_told()


class Watch:
    """One watching of one project."""

    def __init__(self, root: Path, command: Sequence[str], watchfiles: Any) -> None:
        self._root = root
        self._command = command
        self._watchfiles = watchfiles
        self._events: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._run: subprocess.Popen[bytes] | None = None
        self._code = 0
        self._told = False
        self._waiting: dict[str, None] = {}
        """files that were saved since the newest run began"""
        self._ending = False
        """whether the run that goes on was told to end because of them"""

    def until_told(self) -> int:
        stop = threading.Event()
        watcher = threading.Thread(target=self._look, args=(stop,), name="apex-watch", daemon=True)
        before = {number: signal.signal(number, self._tell) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            watcher.start()
            self._begin()
            while True:
                kind, value = self._events.get()
                if kind == SAVED:
                    self._saved(value)
                elif kind == ENDED:
                    self._ended(value)
                else:
                    self._end_run(value)
                if self._told and self._run is None:
                    return self._code
        finally:
            self._end_run(signal.SIGTERM)
            stop.set()
            for number, handler in before.items():
                signal.signal(number, handler)

    # -- what happens -----------------------------------------------------------------------------------------

    def _tell(self, number: int, _frame: object) -> None:
        self._told = True
        self._events.put((TOLD, number))

    def _look(self, stop: threading.Event) -> None:
        """In a thread of its own: say which files were saved."""
        default = self._watchfiles.DefaultFilter
        usual = default(ignore_dirs=(*default.ignore_dirs, *OURS))

        def wanted(change: object, path: str) -> bool:
            return bool(usual(change, path)) and PYTEST_MAKES not in path

        for changes in self._watchfiles.watch(
            self._root, watch_filter=wanted, stop_event=stop, raise_interrupt=False
        ):
            self._events.put((SAVED, sorted({path for _, path in changes})))

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """In a thread of its own: say that the run has ended."""
        self._events.put((ENDED, process.wait()))

    # -- what follows -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._waiting.clear()
        self._ending = False
        # A process group of its own: Ctrl-C comes to us, and we pass it on.
        self._run = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, process_group=0)
        threading.Thread(target=self._wait, args=(self._run,), name="apex-run", daemon=True).start()

    def _saved(self, paths: list[str]) -> None:
        told = dict.fromkeys(os.path.relpath(path, self._root) for path in self._not_ignored(paths))
        if self._told or not told:
            return
        self._waiting |= told
        if self._run is None:
            self._again()
        elif not self._ending and any(map(is_source, told)):
            self._ending = True
            self._end_run(signal.SIGINT)

    def _ended(self, code: int) -> None:
        self._run = None
        if not self._ending:
            self._code = code if code >= 0 else 128 - code
        if self._told:
            return
        if self._waiting:
            self._again()
        else:
            say(f"watching {self._root} (Ctrl-C ends)")

    def _again(self) -> None:
        names = list(self._waiting)
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        say(f"saved: {', '.join(names[:MOST_NAMES])}{more}")
        self._begin()

    def _end_run(self, number: int) -> None:
        if self._run is not None and self._run.poll() is None:
            self._run.send_signal(number)

    def _not_ignored(self, paths: list[str]) -> list[str]:
        """Those that git does not ignore; all of them where git cannot tell."""
        asked = b"\0".join(os.fsencode(path) for path in paths)
        try:
            done = subprocess.run(
                ["git", "check-ignore", "-z", "--stdin"],
                cwd=self._root, input=asked, capture_output=True, check=False, timeout=5.0,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return paths
        ignored = {os.fsdecode(path) for path in done.stdout.split(b"\0")}
        return [path for path in paths if path not in ignored]


def is_source(path: str) -> bool:
    """Whether tests that run now would not say what they should, because this file was saved."""
    return path.endswith(SOURCES) or path in CONFIGURATION or os.path.basename(path) in CONFIGURATION


def say(text: str) -> None:
    """A line of the watching itself; stdout belongs to the runs."""
    sys.stderr.write(f"apex: {ascii(text)[1:-1]}\n")
    sys.stderr.flush()
