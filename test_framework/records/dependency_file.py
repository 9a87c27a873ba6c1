"""Writes what the lanes recorded of a run's tests: `dependencies.jsonl`, one JSON array a line.

Rules: a file without its last line (`end`) is no recording, so nothing has to be repaired after a crash; contents are
digested at the run's end, and a file that changed meanwhile has no digest (null), which no later content is equal to.
A recording that cannot be written or that contradicts itself is given up as a whole, with one sentence why.

Lines: ["version", 1], ["environment", {...}], ["block", id, path, name], ["data", id, path, kind, sha256], ["variable",
id, name, sha256], ["base", blocks, data, variables, reasons], ["test", test, attempt, worker, generation, order, new
blocks, own blocks, new data, new variables, reasons], ["shared", worker, generation, reasons], ["end", tests].
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = 1
NAME = "dependencies.jsonl"
CONFIGURATION = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
CACHES = frozenset({".apex", "__pycache__", ".pytest_cache", ".hypothesis"})
"""names in a directory that its digest leaves out; the recorder leaves out the same (inside/project_paths.py)"""
FILE, DIRECTORY, ABSENT = "file", "directory", "absent"
BUFFER_BYTES = 1 << 18
SHORT = "chains were so short that forking a process for each would have cost more than running them"
SELECTING = frozenset(
    {"-k", "-m", "--deselect", "--ignore", "--ignore-glob", "--maxfail", "--tb", "-r", "--color"}
)
"""options of pytest with a value that choose or show tests and change none"""
SHOWING = frozenset({"-x", "-q", "-v", "-vv", "-vvv", "-l", "--lf", "--ff", "--nf", "--sw", "--exitfirst"})

Datum = tuple[str, str, Any, int]
"""(path, kind, size of a file or digest of a directory, mtime_ns of a file) when a test looked"""


@dataclass(slots=True)
class _Process:
    """One generation of a lane."""

    blocks: list[int]
    """the process's own numbers -> ids of the file"""
    tests: int = 0
    chains: set[str] = field(default_factory=set)
    kept: str = ""


class DependencyFile:
    """See `engine.executor.Recording`; `close` finishes the file."""

    def __init__(self, directory: Path, root: Path, why_not_fresh: str = "") -> None:
        """`why_not_fresh`: why processes of this run are not one to a chain."""
        self.trouble = ""
        """why the recording was given up"""
        self.unprovable: list[str] = []
        """why no test of the run can be proven by what is recorded"""
        self._root = root
        self._why_not_fresh = why_not_fresh
        self._final = directory / NAME
        self._partial = directory / f"{NAME}.partial"
        self._buffer: list[str] = []
        self._size = 0
        self._blocks: dict[tuple[str, str], int] = {}
        self._data: dict[Datum, int] = {}
        self._variables: dict[tuple[str, str | None], int] = {}
        self._base: list[int] = []
        self._processes: dict[tuple[str, int], _Process] = {}
        self._latest: dict[str, _Process] = {}
        self._tests = 0
        self._fd = -1
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = os.open(self._partial, flags, 0o600)
        except OSError as problem:
            self._give_up(f"cannot be written: {problem.strerror}")
        self._line(["version", VERSION])

    # -- what the session says --------------------------------------------------------------------------------

    def base_recorded(self, told: Sequence[list[Any]], environment: dict[str, Any]) -> None:
        """Everything before the first lane (see inside/recorder.py), and what the run is told beside it."""
        data, variables, reasons = [], [], []
        for kind, *values in told:
            match kind:
                case "identity":
                    environment = {**environment, **values[0]}
                case "block":
                    self._base += self._block_ids(values[0], values[1])
                case "data":
                    data.append(self._datum_id(values))
                case "variable":
                    variables.append(self._variable_id(values))
                case "reason":
                    reasons.append(values[0])
        self.unprovable = reasons
        environment["files"] = self._configuration(environment.pop("configuration", None))
        self._line(["environment", environment])
        self._line(["base", self._base, data, variables, reasons])

    def _configuration(self, chosen: str | None) -> dict[str, str | None]:
        names = dict.fromkeys(CONFIGURATION)
        if chosen is not None:
            names[os.path.relpath(chosen, self._root)] = None
        return {name: self._digest_of_file(str(self._root / name)) for name in names}

    # -- what lanes say ---------------------------------------------------------------------------------------

    def test_recorded(self, test: str, chain: str, attempt: int, worker: str, told: list[Any]) -> None:
        _, generation, _, first, new, data, variables, reasons = told
        process = self._processes.get((worker, generation))
        if process is None:
            # A forked lane goes on with the base's numbers; one that collected for itself begins at 0.
            process = self._processes[worker, generation] = _Process(self._base[:] if first else [])
            self._latest[worker] = process
        process.chains.add(chain)
        if first != len(process.blocks):
            self._give_up(f"{worker} counts {first} pieces of code where {len(process.blocks)} are known")
            return
        fresh: list[int] = []
        for path, names in new:
            fresh += self._block_ids(path, names)
        process.blocks += fresh
        row = [
            "test", test, attempt, worker, generation, process.tests, fresh,
            None,
            [self._datum_id(datum) for datum in data],
            [self._variable_id(variable) for variable in variables],
            reasons,
        ]  # fmt: skip
        process.tests += 1
        self._tests += 1
        self._line(row)

    def lane_kept(self, worker: str, why: str) -> None:
        process = self._latest.get(worker)
        if process is not None:
            process.kept = why

    # -- tables -----------------------------------------------------------------------------------------------

    def _block_ids(self, path: str, names: list[str]) -> list[int]:
        found = []
        for name in names:
            number = self._blocks.get((path, name))
            if number is None:
                number = self._blocks[path, name] = len(self._blocks)
                self._line(["block", number, path, name])
            found.append(number)
        return found

    def _datum_id(self, told: list[Any]) -> int:
        return self._data.setdefault((told[0], told[1], told[2], told[3]), len(self._data))

    def _variable_id(self, told: list[Any]) -> int:
        key = (told[0], told[1])
        number = self._variables.get(key)
        if number is None:
            number = self._variables[key] = len(self._variables)
            self._line(["variable", number, *key])
        return number

    # -- the end ----------------------------------------------------------------------------------------------

    def close(self, complete: bool) -> str:
        """Digest what was read, and give the file its name; without `complete` it is taken away. Returns `trouble`."""
        if complete:
            for datum, number in self._data.items():
                self._line(["data", number, datum[0], datum[1], self._digest(datum)])
            for (worker, generation), process in self._processes.items():
                if len(process.chains) > 1:
                    self._line(["shared", worker, generation, [process.kept or self._why_not_fresh or SHORT]])
            self._line(["end", self._tests])
        self._flush()
        if self._fd < 0:
            return self.trouble
        os.close(self._fd)
        self._fd = -1
        try:
            if complete:
                os.replace(self._partial, self._final)
            else:
                os.unlink(self._partial)
        except OSError as problem:
            self.trouble = f"cannot be written: {problem.strerror}"
        return self.trouble

    def _digest(self, datum: Datum) -> str | None:
        """The SHA-256 of what a test saw; None where it is absent, or no longer what the test saw."""
        path, kind, size, modified = datum
        full = os.path.join(self._root, path)
        try:
            if kind == DIRECTORY:
                return size if directory_digest(os.listdir(full)) == size else None
            status = os.stat(full)
        except OSError:
            return None
        if kind != FILE or not stat.S_ISREG(status.st_mode):
            return None
        unchanged = (status.st_size, status.st_mtime_ns) == (size, modified)
        return self._digest_of_file(full) if unchanged else None

    @staticmethod
    def _digest_of_file(full: str) -> str | None:
        try:
            with open(full, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    # -- the file ---------------------------------------------------------------------------------------------

    def _line(self, row: list[Any]) -> None:
        if self._fd < 0:
            return
        text = json.dumps(row, separators=(",", ":")) + "\n"
        self._buffer.append(text)
        self._size += len(text)
        if self._size > BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        text, self._buffer, self._size = "".join(self._buffer), [], 0
        if self._fd < 0 or not text:
            return
        try:
            view = memoryview(text.encode("ascii"))
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as problem:
            self._give_up(f"cannot be written: {problem.strerror}")

    def _give_up(self, why: str) -> None:
        self.trouble = self.trouble or why
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._partial.unlink(missing_ok=True)


def directory_digest(names: list[str]) -> str:
    """SHA-256 of the sorted names but those of caches, joined with NUL."""
    kept = sorted(os.fsencode(name) for name in names if name not in CACHES)
    return hashlib.sha256(b"\0".join(kept)).hexdigest()


def arguments_that_matter(arguments: Sequence[str]) -> list[str]:
    """pytest's arguments but those that only choose tests or say how to show them."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
            continue
        name = argument.partition("=")[0]
        if name in SELECTING or name in SHOWING:
            skip = name in SELECTING and "=" not in argument
            continue
        follows_option = bool(kept) and kept[-1].startswith("-") and "=" not in kept[-1]
        if argument.startswith("-") or follows_option:
            kept.append(argument)
    return kept
