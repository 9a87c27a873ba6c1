"""Which tests are proven: every dependency is what it was when the test last passed. Everything else is to run.

Rules: pure; cautious without exception: what is not known to be unchanged has changed. A test is proven by the union of
all that ran in its process up to its end and before the fork, never by what it executed alone. Passed, skipped and
expected failures can be proven (each is a function of the same dependencies); nothing else ever is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from test_framework.core.memory import (
    EFFECTS,
    MODULE,
    TEXT,
    WHOLE,
    WHOLE_EFFECTS,
    Memory,
    Record,
    Snapshot,
    file_of,
)
from test_framework.model.outcome import BAD, Outcome

PROVABLE = frozenset({Outcome.PASSED, Outcome.SKIPPED, Outcome.XFAILED})
AUDIT_SHARE = 0.02
FELT = {MODULE: EFFECTS, WHOLE: WHOLE_EFFECTS}
"""what of a test file's block tests of other files can feel"""
FILE = "file "
"""begins the names of configuration files in an environment"""


class Cause(StrEnum):
    """Why a test is to run."""

    NEVER_RECORDED = "never recorded"
    FAILED = "failed last time"
    UNPROVABLE = "cannot be proven"
    ENVIRONMENT = "environment changed"
    SOURCE = "code changed"
    DATA = "data changed"
    VARIABLE = "environment variable changed"
    NEW_FILE = "new file"
    AUDIT = "audit"
    ASKED = "asked for"


@dataclass(frozen=True, slots=True)
class Reason:
    """`subject` names the first thing that differs: `file::function`, a data file, a variable, a part of the set-up."""

    cause: Cause
    subject: str = ""
    detail: str = ""

    def __str__(self) -> str:
        text = f"{self.cause}: {self.subject}" if self.subject else str(self.cause)
        return f"{text} ({self.detail})" if self.detail else text


@dataclass(frozen=True, slots=True)
class Proven:
    """The test would end as it did in `run`."""

    run: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ToRun:
    reason: Reason


Decision = Proven | ToRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The present, as far as it was looked at. What is missing in a mapping counts as gone."""

    sources: Mapping[str, str | None]
    same_thing: Callable[[str, str, str | None], bool]
    """(path, kind, digest): whether a file, directory or absence is still what it was"""
    same_variable: Callable[[str, str | None], bool]
    environment: Mapping[str, str] | None
    """None: not compared"""
    listings: Mapping[str, frozenset[str]]
    differing: Callable[[str, str, frozenset[str]], frozenset[str]]
    """(path, digest of the old content, block names) -> those whose meaning differs now"""
    named_elsewhere: Callable[[str], bool]
    """whether any other source of the project names this module"""
    shadows: Callable[[str], str]
    """why a new file may be imported in place of something that a test used; empty: it cannot"""
    is_test_file: Callable[[str], bool]


@dataclass(slots=True)
class Changes:
    """What of the memory's tables differs now: number -> what to call it."""

    blocks: dict[int, Reason] = field(default_factory=dict)
    data: dict[int, Reason] = field(default_factory=dict)
    variables: dict[int, Reason] = field(default_factory=dict)
    within: dict[str, Reason] = field(default_factory=dict)
    """test files whose import changed in a way that only their own tests can feel"""


def decide(memory: Memory, now: Now, tests: Iterable[str] | None = None) -> dict[str, Decision]:
    """What to do with each test (default: all that are remembered), in the order given."""
    judge = _Judge(memory, now)
    found: dict[str, Decision] = {}
    for test in memory.records if tests is None else tests:
        record = memory.records.get(test)
        reason = _of_record(record) or (judge.changed(test, record) if record is not None else None)
        if record is None or reason is not None:
            found[test] = ToRun(reason or Reason(Cause.NEVER_RECORDED))
        else:
            found[test] = Proven(record.run, record.outcome, record.seconds)
    return found


def spoiling(memory: Memory) -> frozenset[str]:
    """Tests that did something themselves for which nothing after them in their process can be proven."""
    return frozenset(test for test, record in memory.records.items() if record.spoils)


def touched(memory: Memory, now: Now, tests: Iterable[str] | None = None) -> dict[str, Reason]:
    """The tests that a change reaches, however they ended last, and those of which nobody can tell."""
    judge = _Judge(memory, now)
    found: dict[str, Reason] = {}
    for test in memory.records if tests is None else tests:
        record = memory.records.get(test)
        reason = Reason(Cause.NEVER_RECORDED) if record is None else judge.changed(test, record)
        if reason is not None:
            found[test] = reason
    return found


def _of_record(record: Record | None) -> Reason | None:
    """Why a record proves nothing, whatever has changed since."""
    if record is None:
        return Reason(Cause.NEVER_RECORDED)
    if record.outcome in BAD:
        return Reason(Cause.FAILED, detail=f"{record.outcome} in run {record.run}")
    if record.outcome not in PROVABLE:
        return Reason(Cause.UNPROVABLE, detail=f"{record.outcome} in run {record.run}")
    if record.reasons:
        return Reason(Cause.UNPROVABLE, detail="; ".join(record.reasons))
    return None


class _Judge:
    """Knows what has changed, and says for each test which change reaches it first."""

    def __init__(self, memory: Memory, now: Now) -> None:
        self.changes = find_changes(memory, now)
        self._whole = {run: _of_snapshot(memory, snapshot, now) for run, snapshot in memory.snapshots.items()}
        self._firsts = {
            (run, number): _first_change(snapshot, number, self.changes)
            for run, snapshot in memory.snapshots.items()
            for number in range(len(snapshot.processes))
        }

    def changed(self, test: str, record: Record) -> Reason | None:
        """The first thing on which the test depends and that has changed; None: nothing has."""
        surroundings = self._whole.get(record.run)
        if surroundings is None or (record.run, record.process) not in self._firsts:
            return Reason(Cause.NEVER_RECORDED, detail=f"what it did in run {record.run} is not known")
        if surroundings.everything is not None:
            return surroundings.everything
        for directory, reason in surroundings.below.items():
            if not directory or test.startswith(f"{directory}/"):
                return reason
        if self.changes.within:
            within = self.changes.within.get(file_of(test))
            if within is not None:
                return within
        order, first = self._firsts[record.run, record.process]
        if first is None or order > record.order:
            return None
        blocks = self.changes.blocks
        return next((blocks[block] for block in record.own if block in blocks), first)


# -- what has changed -----------------------------------------------------------------------------------------


def find_changes(memory: Memory, now: Now) -> Changes:
    """Compare every table with the present, once."""
    changes = Changes()
    stale = {
        number for number, (path, digest) in enumerate(memory.sources) if now.sources.get(path) != digest
    }
    if stale:
        _changed_blocks(memory, now, stale, changes)
    for number, (path, kind, digest) in enumerate(memory.data):
        if not now.same_thing(path, kind, digest):
            changes.data[number] = Reason(Cause.DATA, path, _of_data(kind))
    for number, (name, digest) in enumerate(memory.variables):
        if not now.same_variable(name, digest):
            subject = "any variable" if name == "*" else name
            changes.variables[number] = Reason(Cause.VARIABLE, subject)
    return changes


def _of_data(kind: str) -> str:
    return {"directory": "its entries", "absent": "it was not there"}.get(kind, "")


def _changed_blocks(memory: Memory, now: Now, stale: set[int], changes: Changes) -> None:
    names: dict[int, dict[str, int]] = {number: {} for number in stale}
    for block, (source, name) in enumerate(memory.blocks):
        if source in stale:
            names[source][name] = block
    for source, blocks in names.items():
        if not blocks:
            continue  # looked through for tests, and nothing of it ran
        path, digest = memory.sources[source]
        gone = now.sources.get(path) is None
        differing = (
            frozenset(blocks) if gone else now.differing(path, digest, frozenset({*blocks, *FELT.values()}))
        )
        detail = "it is gone" if gone else ""
        for name, block in blocks.items():
            if name not in differing:
                continue
            reason = Reason(Cause.SOURCE, path if name in (WHOLE, TEXT) else f"{path}::{name}", detail)
            unfelt = name in FELT and not gone and FELT[name] not in differing
            if unfelt and now.is_test_file(path) and not now.named_elsewhere(path):
                changes.within[path] = reason
            else:
                changes.blocks[block] = reason


@dataclass(frozen=True, slots=True)
class _Whole:
    """What differs for all tests of a run, or for those below a directory."""

    everything: Reason | None = None
    below: Mapping[str, Reason] = field(default_factory=dict)


def _of_snapshot(memory: Memory, snapshot: Snapshot, now: Now) -> _Whole:
    difference = None
    if now.environment is not None:
        difference = environment_difference(snapshot.environment, now.environment)
    if difference is not None:
        return _Whole(difference)
    below: dict[str, Reason] = {}
    for number in snapshot.listings:
        directory, names = memory.listings[number]
        for name in sorted(now.listings.get(directory, frozenset()).difference(names)):
            path = f"{directory}/{name}" if directory else name
            if name == "conftest.py":
                below[directory] = Reason(Cause.NEW_FILE, path)
            elif not now.is_test_file(path) and (why := now.shadows(path)):
                return _Whole(Reason(Cause.NEW_FILE, path, why))
    return _Whole(None, below)


def environment_difference(then: Mapping[str, str], current: Mapping[str, str]) -> Reason | None:
    """The first part of the set-up that differs, with both values where they are short.

    Files of the configuration are those that `then` names; for everything else a new part is a difference too.
    """
    if then == current:
        return None
    for name in sorted({*then, *(name for name in current if not name.startswith(FILE))}):
        old, new = then.get(name), current.get(name)
        if old != new:
            short = all(value is None or len(value) <= 60 for value in (old, new))
            return Reason(
                Cause.ENVIRONMENT, name, f"{old or 'nothing'} -> {new or 'nothing'}" if short else ""
            )
    return None


def _first_change(snapshot: Snapshot, process: int, changes: Changes) -> tuple[int, Reason | None]:
    """(order from which it counts, what) of the first changed thing of a process; -1: the base."""
    if not (changes.blocks or changes.data or changes.variables):
        return -1, None
    for order, frame in enumerate((snapshot.base, *snapshot.processes[process]), -1):
        for numbers, changed in (
            (frame.blocks, changes.blocks),
            (frame.data, changes.data),
            (frame.variables, changes.variables),
        ):
            hit = next((changed[number] for number in numbers if number in changed), None)
            if hit is not None:
                return order, hit
    return -1, None


# -- audit ----------------------------------------------------------------------------------------------------


def audit(decisions: Mapping[str, Decision], run: str, share: float = AUDIT_SHARE) -> dict[str, Decision]:
    """The decisions with a share of the proven tests to be run all the same; the same tests for the same run id."""
    return {
        test: ToRun(Reason(Cause.AUDIT, detail=f"proven by run {decision.run}"))
        if isinstance(decision, Proven) and drawn(run, test, share)
        else decision
        for test, decision in decisions.items()
    }


def drawn(run: str, test: str, share: float) -> bool:
    """Whether this run audits this test: uniform over tests, without a generator's state."""
    digest = hashlib.sha256(f"{run}\0{test}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def audit_misses(decisions: Mapping[str, Decision], outcomes: Mapping[str, Outcome]) -> tuple[str, ...]:
    """Tests that were audited and turned out bad: each shows that something was proven wrongly."""
    return tuple(
        test
        for test, decision in decisions.items()
        if isinstance(decision, ToRun) and decision.reason.cause is Cause.AUDIT and outcomes.get(test) in BAD
    )


def distrust(memory: Memory, run: str) -> None:
    """After an audit's miss: nothing recorded before `run` proves anything any more."""
    why = f"recorded before the audit in run {run} found a test that was proven wrongly"
    for record in memory.records.values():
        if record.run != run and why not in record.reasons:
            record.reasons.append(why)
