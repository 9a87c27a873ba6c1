"""Records what each test depends on: code that ran, files and variables that were read, and what could not be followed.

Rules: a test is given everything that happened in its process for the first time up to its end; what happened before
the fork is the base of all. Reasons against a proof stay: what an earlier test could not be followed into may have left
its result behind. Nothing is decided here and nothing is changed for the tests.

Wire, base: ["block", path, [names]], ["data", path, kind, ...], ["variable", name, digest], ["reason", text],
["identity", {...}]. Lane: ["d", generation, index of the test, number of its first new block, [[path, names]...],
data, variables, reasons]. Blocks are numbered in the order in which they are told, in a forked
lane after those of the base, in one that collected for itself from 0.
"""

from __future__ import annotations

import genericpath
import os
import pathlib
import posixpath
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from . import adaptation
from .channel import Control, encode, perf_counter
from .executed import WHOLE, Block, Imported, Monitored, imported_before
from .identity import identity
from .project_paths import ProjectPaths
from .touched import Touched
from .variables import Variables

COSTLY_SECONDS = 0.1
"""session fixtures that take longer to set up are kept: their lane runs more than one unit"""
LOOKING = (
    genericpath.exists,
    genericpath.isfile,
    genericpath.isdir,
    genericpath.getsize,
    genericpath.getmtime,
    posixpath.lexists,
    posixpath.islink,
    pathlib.Path.stat,
    pathlib.Path.lstat,
)
"""what asks for a path without opening it; os.stat itself is not audited"""
SPAWNING = (os.path.join(os.path.dirname(threading.__file__), "multiprocessing", "util.py"), "spawnv_passfds")
"""how multiprocessing starts processes, past every audit event"""


def started(root: str) -> Recorder:
    """A recorder that records from here on."""
    recorder = Recorder(root)
    recorder.start()
    return recorder


class Recorder:
    """The recorder of one session, and of the lanes that are forked from it."""

    def __init__(self, root: str) -> None:
        self.paths = ProjectPaths(root)
        self.monitored = Monitored(self.paths)
        self.executed: Monitored | Imported = self.monitored
        self.touched = Touched(self.paths, None)
        self.variables = Variables(self.touched.counts)
        self._before: set[Block] = set()
        self._numbers: dict[Block, int] = {}
        self._reasons: dict[str, None] = {}
        """why the running test cannot be proven"""
        self._earlier = ""
        """the same of an earlier test of this process, whose work may still be felt"""
        self._generation = 0
        self._threads: frozenset[threading.Thread] = frozenset()
        """those that the process began with"""
        self._session_seconds = 0.0
        self._base_told = False

    def start(self) -> None:
        """Begin, before the project's first file is loaded."""
        self._before = imported_before(self.paths, list(sys.modules.values()))
        if self.monitored.start():
            for function in LOOKING:
                code = function.__code__
                self.monitored.watch(code.co_filename, code.co_qualname, self._looked)
            self.monitored.watch(*SPAWNING, self.touched.spawned_unseen)
        else:
            coarse = self.executed = Imported(self.paths)
            self.touched = Touched(self.paths, coarse.ran)
            self.variables = Variables(self.touched.counts)
        self.touched.start()
        self.variables.start()

    def _looked(self, frame: Any) -> None:
        """A function that asks for a path was called; the path is its first argument."""
        if not self.touched.counts(frame.f_back):
            return  # pytest asks for the file of every line of a traceback
        full = self.paths.absolute(frame.f_locals.get(frame.f_code.co_varnames[0]))
        if full is not None:
            self.touched.looked_at(full, frame.f_back, contents=False)

    # -- before the fork --------------------------------------------------------------------------------------

    def tell_base(self, control: Control, config: Any) -> None:
        """Tell all that happened up to here; lanes that are forked from here go on from it."""
        rows: list[list[Any]] = [["identity", identity(config)]]
        rows += [["block", path, names] for path, names in self._number(self.executed.take() | self._before)]
        rows += [["data", *datum] for datum in self.touched.take()]
        rows += [["variable", *variable] for variable in self.variables.take()]
        rows += [["reason", f"while collecting, {reason}"] for reason in self._fresh_reasons()]
        control.send_rows("recorded", rows)
        self._base_told = True

    # -- in a lane --------------------------------------------------------------------------------------------

    def begin_process(self, config: Any, message: Mapping[str, Any]) -> None:
        """The process in which tests will run is this one."""
        self._generation = int(message["generation"])
        base = adaptation.basetemp(config)
        if base:
            self.touched.belongs_to_us(base)
            self.touched.belongs_to_us(str(pathlib.PurePath(base).parent))
        self._threads = frozenset(threading.enumerate())
        config.pluginmanager.register(self, "apex-recorder")

    def begin_test(self) -> None:
        """A test is about to run."""
        if threading.active_count() != len(self._threads):
            for thread in set(threading.enumerate()) - self._threads:
                self._reasons[f"the thread {thread.name} of an earlier test still runs"] = None

    def end_test(self, item: pytest.Item, index: int) -> str:
        """The line that tells what the test added, with its newline."""
        blocks = self.executed.take()
        if not self._base_told:
            blocks |= self._before
            self._base_told = True
        whole = self._not_a_function(item)
        if whole is not None:
            blocks.add(whole)
        first = len(self._numbers)
        new = list(self._number(blocks))
        reasons = [*self._reasons, *self._fresh_reasons()]
        self._reasons.clear()
        told = [*reasons, self._earlier] if self._earlier else reasons
        if reasons and not self._earlier:
            self._earlier = f"{item.nodeid} ran before it in the same process: {reasons[0]}"
        row = [
            "d",
            self._generation,
            index,
            first,
            new,
            self.touched.take(),
            self.variables.take(),
            told,
        ]
        return f"{encode(row)}\n"

    def _not_a_function(self, item: pytest.Item) -> Block | None:
        """A test that is no function of its file (a docstring, a line of text) depends on the whole of it."""
        if isinstance(item, pytest.Function):
            return None
        full = self.paths.absolute(getattr(item, "path", None))
        told = self.paths.told(full) if full is not None else None
        if full is None or told is None:
            return None
        if full.endswith(".py"):
            return told, WHOLE
        self.touched.needs(full)
        return None

    def why_kept(self) -> str:
        """Why this process should run more than one unit; '' where a fresh one is as good."""
        if self._session_seconds > COSTLY_SECONDS:
            return f"setting up session fixtures took {self._session_seconds:.2f} s"
        return ""

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """Measure what a fresh process would have to set up again."""
        if fixturedef.scope != "session":
            yield
            return
        began = perf_counter()
        yield
        self._session_seconds += perf_counter() - began

    # -- small words ------------------------------------------------------------------------------------------

    def _number(self, blocks: Iterable[Block]) -> Iterator[tuple[str, list[str]]]:
        """(path, names) of the blocks that have no number yet, which they get in this order."""
        numbers = self._numbers
        by_path: dict[str, list[str]] = {}
        for path, name in sorted(block for block in blocks if block not in numbers):
            by_path.setdefault(path, []).append(name)
            numbers[path, name] = len(numbers)
        yield from by_path.items()

    def _fresh_reasons(self) -> list[str]:
        trouble = self.executed.trouble()
        return [*self.touched.reasons(), trouble] if trouble else self.touched.reasons()
