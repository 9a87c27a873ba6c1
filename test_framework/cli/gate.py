"""Decides before the project's interpreter is started: is everything proven, and if not, which files must be collected?

Rules: imports neither asyncio, pydantic, yaml nor pytest; reads what is remembered and looks at files, nothing else.
Audits are drawn only where tests run anyway: an unchanged project is answered without starting anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Literal

from test_framework.configuration.load import PLACES
from test_framework.core.memory import Inventory, Memory, file_of
from test_framework.core.proof import Decision, Now, Proven, ToRun, decide
from test_framework.core.selection import Wish
from test_framework.core.settings import Settings
from test_framework.records.changes import Digests, importable_below
from test_framework.records.dependencies import DIGESTS, NAME, load_memory
from test_framework.records.interpreter import READ_AT_START, READ_BY_C
from test_framework.records.present import Present, Surroundings
from test_framework.records.sources import Sources

CHOOSES_NOTHING = frozenset(
    ["fail_fast_mode", "fast_fail", "max_failures", "test_timeout", "run_timeout", "lanes", "grace_seconds"]
)
"""parts of a wish that say how tests run, not which"""
STATES = Literal["proven", "partial", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command line's question."""

    wish: Wish
    surroundings: Surroundings
    use_cache: bool = True
    roots: tuple[str, ...] | None = None
    """directories (relative, "" is the whole project) in which pytest looks for tests; None: not known"""


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
    notes: tuple[str, ...] = ()
    looked_at: frozenset[str] = frozenset()
    """absolute paths of all files and directories on which a `proven` rests"""
    variables: frozenset[str] = frozenset()
    """names of the variables on which it rests; `NAME*` stands for all that begin so"""

    @property
    def proven(self) -> dict[str, Proven]:
        return {test: one for test, one in self.decisions.items() if isinstance(one, Proven)}


def gate(root: Path, settings: Settings, request: Request, base: Path | None = None) -> Gate:
    """Ask what is remembered in `base` (default: the project's `.apex`)."""
    base = base or root / ".apex"
    if not request.use_cache:
        return Gate(state="unknown", why="the cache is off")
    loaded = load_memory(base)
    memory = loaded.memory
    notes: tuple[str, ...] = (loaded.note,) if loaded.note else ()
    if not memory.records:
        return Gate(state="unknown", why=loaded.note or "no run has been recorded yet", notes=notes)
    digests = Digests.load(root, base / DIGESTS)
    present = Present(memory, request.surroundings, digests, Sources.of(base))
    now = present.now()
    if digests.reread:
        try:
            digests.save()
        except OSError as problem:
            notes += (f"{DIGESTS} cannot be written ({problem.strerror}): files are read again each time",)
    if now is None:
        why = f"the packages of {request.surroundings.executable} cannot be found"
        return Gate(state="unknown", why=why, notes=(*notes, why))
    inventory = memory.inventories.get(request_key(settings, request))
    if inventory is None:
        why = "these tests have not been collected together yet"
        return Gate(state="unknown", why=why, decisions=decide(memory, now), notes=notes)
    decisions = decide(memory, now, inventory.tests)
    found = _narrowed(memory, inventory, decisions, now, request, notes)
    if found.state != "proven":
        return found
    places = (*PLACES, ".git/HEAD", ".venv/bin/python")
    kept = {str(base / NAME), *(str(root / place) for place in places)}
    read_at_start = {f"{prefix}*" for prefix in READ_AT_START} | READ_BY_C
    variables = read_at_start | {name for name, _ in memory.variables}
    return replace(found, looked_at=frozenset(digests.looked_at | kept), variables=frozenset(variables))


def _narrowed(
    memory: Memory,
    inventory: Inventory,
    decisions: dict[str, Decision],
    now: Now,
    request: Request,
    notes: tuple[str, ...],
) -> Gate:
    root = request.surroundings.root
    new = _new_test_files(memory, inventory, now, root)
    if new and request.roots is None:
        return Gate(
            state="unknown",
            why=f"{new[0]} is new, and where tests are looked for is not known",
            inventory=inventory.tests,
            decisions=decisions,
            notes=notes,
        )
    roots = request.roots or ("",)
    wanted = {path for path in new if any(not place or f"{path}/".startswith(f"{place}/") for place in roots)}
    wanted |= {file_of(test) for test, one in decisions.items() if isinstance(one, ToRun)}
    looked_through = [memory.sources[number] for number in inventory.sources]
    wanted |= {path for path, digest in looked_through if now.sources.get(path) != digest}
    there = {path for path in wanted if (root / path).is_file()}
    gone = wanted - there
    return Gate(
        state="partial" if wanted else "proven",
        inventory={test: place for test, place in inventory.tests.items() if file_of(test) not in gone},
        decisions={test: one for test, one in decisions.items() if file_of(test) not in gone},
        files=tuple(sorted(there)),
        notes=notes,
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
