"""Decides before the project's interpreter is started: is everything proven, and if not, which files must be collected?

Rules: imports neither asyncio, pydantic, yaml nor pytest; reads what is remembered and looks at files, nothing else.
Audits are drawn only where tests run anyway: an unchanged project is answered without starting anything.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Literal

from test_framework.configuration.load import PLACES
from test_framework.core.memory import Inventory, Memory, file_of
from test_framework.core.proof import Decision, Now, Proven, ToRun, decide
from test_framework.core.selection import Wish
from test_framework.core.settings import Settings
from test_framework.records.changes import Digests, importable_below, looks_like_tests
from test_framework.records.dependencies import DIGESTS, NAME, load_memory
from test_framework.records.dependency_file import CONFIGURATION
from test_framework.records.interpreter import READ_AT_START, READ_BY_C
from test_framework.records.present import Present, Surroundings
from test_framework.records.sources import Sources

CHOOSES_NOTHING = frozenset(
    [
        "fail_fast_mode",
        "fast_fail",
        "max_failures",
        "test_timeout",
        "run_timeout",
        "time",
        "splitting",
        "window_seconds",
        "lanes",
        "grace_seconds",
    ]
)
"""parts of a wish that say how tests run, not which"""
STATES = Literal["proven", "partial", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command line's question."""

    wish: Wish
    surroundings: Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What is known of earlier runs, beside the present. `now` is None where nothing can be proven; `why` says it."""

    memory: Memory
    digests: Digests
    present: Present
    now: Now | None = None
    why: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`proven`: nothing has to run. `partial`: collect `files` only. `unknown`: collect all, `why` says the reason."""

    state: STATES
    why: str = ""
    inventory: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """test -> (category, layer) as they were collected last"""
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    """files in which something is to run, or that are new or changed and may hold other tests now"""
    looked_at: frozenset[str] = frozenset()
    """absolute paths of all files and directories on which a `proven` rests"""
    memory_file: str = NAME
    """relative to the project's `.apex`"""
    run: str = ""
    """the run that took the inventory"""
    left_out: tuple[str, ...] = ()
    """tests that are owed, whatever happens, because the request does not run them"""
    variables: frozenset[str] = frozenset()
    """names of the variables on which it rests; `NAME*` stands for all that begin so"""

    roots: tuple[str, ...] = ()
    """files and directories in which pytest looked for tests"""

    @property
    def proven(self) -> dict[str, Proven]:
        return {test: one for test, one in self.decisions.items() if isinstance(one, Proven)}

    def elsewhere(self) -> tuple[dict[str, Proven], tuple[str, ...]]:
        """What is proven, and what is left out, in the files that need not be collected."""
        files = frozenset(self.files)
        proven = {test: one for test, one in self.proven.items() if file_of(test) not in files}
        return proven, tuple(test for test in self.left_out if file_of(test) not in files)


def recollect(request: Request, base: Path, key: str = "") -> Remembered:
    """Read what is remembered in `base` (a project's `.apex`), and look at the present."""
    root = request.surroundings.root
    loaded = load_memory(base)
    memory = loaded.memory
    digests = Digests.load(root, base / DIGESTS)
    notes: tuple[str, ...] = (loaded.note,) if loaded.note else ()
    inventory = memory.inventories.get(key)
    surroundings = request.surroundings
    if inventory is not None and inventory.test_files:
        surroundings = replace(surroundings, test_files=names_of_test_files(inventory))
    present = Present(memory, surroundings, digests, Sources.of(base))
    if not memory.records:
        why = loaded.note or "no run has been recorded yet"
        return Remembered(memory=memory, digests=digests, present=present, why=why, notes=notes)
    now = present.now()
    if digests.reread:
        try:
            digests.save()
        except OSError as problem:
            notes += (f"{DIGESTS} cannot be written ({problem.strerror}): files are read again each time",)
    why = "" if now is not None else f"the packages of {surroundings.executable} cannot be found"
    notes += (why,) if why else ()
    return Remembered(memory=memory, digests=digests, present=present, now=now, why=why, notes=notes)


def names_of_test_files(inventory: Inventory) -> tuple[str, ...]:
    """What files with tests are called; where others hold tests too (doctests of modules), any may."""
    names = tuple(inventory.test_files)
    files = {file_of(test) for test in inventory.tests}
    return names if all(looks_like_tests(file, names) for file in files) else (*names, "*.py")


def gate(remembered: Remembered, key: str, root: Path) -> Gate:
    """What has to be collected for the request with this key."""
    memory, now = remembered.memory, remembered.now
    if now is None:
        return Gate(state="unknown", why=remembered.why)
    inventory = memory.inventories.get(key)
    if inventory is None:
        return Gate(state="unknown", why="these tests have not been collected together yet")
    odd = next((file for file in map(file_of, inventory.tests) if not file.endswith(".py")), "")
    if odd:
        return Gate(state="unknown", why=f"{odd} holds tests and is no Python file: others may be new")
    decisions = decide(memory, now, inventory.tests)
    if not any(isinstance(one, Proven) for one in decisions.values()):
        return Gate(state="unknown", why="nothing is proven", decisions=decisions)
    found = _narrowed(memory, inventory, decisions, now, root)
    if found.state != "proven":
        return found
    if not inventory.green:
        return replace(found, state="unknown", why=f"run {inventory.run} did not end with exit code 0")
    places = (*PLACES, ".git/HEAD", ".git/logs/HEAD", ".venv/bin/python")
    kept = {str(root / place) for place in places}
    read_at_start = {f"{prefix}*" for prefix in READ_AT_START} | READ_BY_C
    variables = read_at_start | {name for name, _ in memory.variables}
    return replace(
        found, looked_at=frozenset(remembered.digests.looked_at | kept), variables=frozenset(variables)
    )


def _narrowed(
    memory: Memory, inventory: Inventory, decisions: dict[str, Decision], now: Now, root: Path
) -> Gate:
    new = _new_test_files(memory, inventory, now, root)
    roots = inventory.roots
    wanted = {path for path in new if any(not place or f"{path}/".startswith(f"{place}/") for place in roots)}
    left_out = frozenset(inventory.left_out)
    to_run = [test for test, one in decisions.items() if isinstance(one, ToRun) and test not in left_out]
    wanted |= {file_of(test) for test in to_run}
    looked_through = [memory.sources[number] for number in inventory.sources]
    wanted |= {path for path, digest in looked_through if now.sources.get(path) != digest}
    there = {path for path in wanted if (root / path).is_file()}
    gone = wanted - there
    return Gate(
        state="partial" if wanted else "proven",
        inventory={test: place for test, place in inventory.tests.items() if file_of(test) not in gone},
        decisions={test: one for test, one in decisions.items() if file_of(test) not in gone},
        files=tuple(sorted(there)),
        run=inventory.run,
        roots=tuple(roots),
        left_out=tuple(test for test in inventory.left_out if isinstance(decisions.get(test), ToRun)),
    )


def _new_test_files(memory: Memory, inventory: Inventory, now: Now, root: Path) -> list[str]:
    """Files that pytest would look through for tests, and that were not there when the inventory was taken."""
    found = set()
    for number in inventory.listings:
        directory, names = memory.listings[number]
        for name in now.listings.get(directory, frozenset()).difference(names):
            path = f"{directory}/{name}" if directory else name
            found |= set(importable_below(root, path)) if path.endswith("/") else {path}
    return sorted(path for path in found if now.is_test_file(path))


def narrowed(found: Gate, arguments: Sequence[str], root: Path) -> tuple[str, ...] | None:
    """pytest's arguments with the files to collect in place of the paths; None where that might mean something else.

    A configuration file further down would be found first by pytest, and each path among the arguments must be known.
    """
    kept = [each for each in arguments if each.startswith("-") or os.path.normpath(each) not in found.roots]
    if any(not each.startswith("-") and (root / each).exists() for each in kept):
        return None
    for directory in {os.path.dirname(path) for path in found.files}:
        while directory:
            if any((root / directory / name).exists() for name in CONFIGURATION):
                return None
            directory = os.path.dirname(directory)
    return (*kept, f"--rootdir={root}", *found.files)


def request_key(settings: Settings, request: Request) -> str:
    """Names a question: two command lines with the same key choose the same tests from the same files."""
    wish = [(one.name, getattr(request.wish, one.name)) for one in fields(request.wish)]
    choosing = [(name, value) for name, value in wish if name not in CHOOSES_NOTHING]
    parts = (settings, choosing, tuple(request.surroundings.arguments))
    return hashlib.sha256(_canonical(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _canonical(value: object) -> str:
    """A text that is the same for equal values, in every process."""
    if is_dataclass(value) and not isinstance(value, type):
        inner = ",".join(f"{one.name}={_canonical(getattr(value, one.name))}" for one in fields(value))
        return f"{type(value).__name__}({inner})"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_canonical(key)}:{_canonical(each)}' for key, each in value.items())}}}"
    if isinstance(value, frozenset | set):
        return f"{{{','.join(sorted(_canonical(each) for each in value))}}}"
    if isinstance(value, tuple | list):
        return f"[{','.join(_canonical(each) for each in value)}]"
    return repr(value)
