"""The history: what all recorded runs say together, in `history.sqlite3` beside the runs' directories.

Rules: it is an index that can be derived anew from the runs' files; nothing that happens to it stops, slows or judges a
run: methods never raise for the state of the disk, they do less and say so in `notes`. The runs' files are the spool:
a run that could not be added is added at the next start. One transaction adds runs whole or not at all.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from test_framework.core.estimates import Duration
from test_framework.core.ranking import Past
from test_framework.model.outcome import BAD
from test_framework.records import database as files
from test_framework.records.database import Database, HistoryError, troubles, writing
from test_framework.records.deriving import forget, insert, restored, summarise
from test_framework.records.places import RUN_ID
from test_framework.records.recorded_run import RecordedRun, is_over, read_run
from test_framework.records.retention import Removed, Retention, prune_directories, prune_rows

WAIT_SECONDS = 0.25
"""how long another process's lock is waited for; a run is not slowed by more"""
START_SECONDS = 0.5
"""of adding runs that died or could not be added, before a run"""
TIDY_SECONDS = 5.0
"""of adding runs while tests run"""
PARTS = ("runs", "imports")
"""folders of recorded runs: our own, and results of other runners"""
_BAD = frozenset(outcome.value for outcome in BAD)
_TESTS = """
    SELECT id, seconds, variance, last_outcome, unexplained, order_dependent, decided, failures FROM tests
    LEFT JOIN (SELECT test, count(DISTINCT run) AS failures FROM attempts WHERE signature IS NOT NULL GROUP BY test)
    ON number = test"""
"""every test, with the number of runs in which an attempt of it was bad (bad attempts have a signature)"""
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What planning wants to know of tests, by id."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    variances: Mapping[str, float] = field(default_factory=dict)
    """of those durations that are not always the same, seconds squared"""
    failed: Mapping[str, str] = field(default_factory=dict)
    """tests whose newest decided outcome is bad, with that outcome"""
    whole: frozenset[str] = frozenset()
    """chains (files) that must not be cut, because their tests depend on their order"""
    flaky: frozenset[str] = frozenset()
    """tests that failed although they passed on the same inputs"""
    ever_bad: Mapping[str, Past] = field(default_factory=dict)
    """how often the tests ran that were ever bad"""


class History:
    """An open history. `notes`: one line for each thing that is not as it should be, for the user."""

    def __init__(self, base: Path, wait: float = WAIT_SECONDS, whole: bool = False) -> None:
        """Open or make the history below `base` (the directory that holds `runs`); `whole`: check all of it."""
        self.base = base
        self.notes: list[str] = []
        self._wait = wait
        self._database: Database | None = None
        self._open(whole)

    @property
    def path(self) -> Path:
        return self.base / files.NAME

    @property
    def readable(self) -> bool:
        return self._database is not None

    @property
    def writable(self) -> bool:
        return self._database is not None and self._database.writable

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    # -- what is known --------------------------------------------------------------------------------------

    def remembered(self) -> Remembered:
        """Durations, failures, modules to keep whole and flaky tests, for planning; empty where nothing is known."""
        return self.read(_remembered, Remembered())

    def durations(self) -> dict[str, Duration]:
        """The duration of every test that was timed, by id."""
        return self.read(_durations, {})

    def read(self, question: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        """The answer to a question, or `otherwise` and a note where the history cannot be read."""
        return self._attempt(question, otherwise, "cannot be read")

    # -- what is added --------------------------------------------------------------------------------------

    def catch_up(self, seconds: float = 60.0) -> int:
        """Add every run that is over and not yet known, newest first, until the time is up; how many were added."""
        if self._database is None or not self._database.writable:
            return 0
        limit = time.monotonic() + seconds
        added = self._attempt(
            lambda database: self._add_missing(database, limit),
            0,
            "does not get this run now (the next start adds it)",
        )
        if added and len(self.notes) > 100:
            del self.notes[100:]
        return added

    def rebuild(self) -> int:
        """Derive every run whose file is there anew; rows of runs without files stay. How many were derived."""
        return self._attempt(self._rebuild, 0, "cannot be rebuilt")

    def prune(self, keep: Retention, now: float | None = None) -> Removed:
        """Remove directories and rows beyond the limits."""
        now = time.time() if now is None else now
        known = self.read(_run_ids, None)
        removed = Removed()
        for part in PARTS:
            try:
                found = prune_directories(self.base / part, keep, now, known)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._note(f"{part} cannot be pruned: {error.strerror or error}")
                continue
            removed = Removed(removed.runs + found.runs, removed.bytes + found.bytes)
        if self.writable:
            self._attempt(lambda database: self._prune_rows(database, keep, now), 0, "cannot be pruned")
        return removed

    def shrink(self) -> None:
        """Give the space of forgotten rows back to the disk."""
        self._attempt(lambda database: database.execute("VACUUM").fetchall(), [], "cannot be made smaller")

    # -- parts ----------------------------------------------------------------------------------------------

    def _add_missing(self, database: sqlite3.Connection, limit: float) -> int:
        known = _run_ids(database)
        missing = sorted(
            (path for path in self._directories() if path.name not in known),
            key=lambda path: path.name,
            reverse=True,
        )
        missing = [path for path in missing if is_over(path)]
        if not missing:
            return 0
        added = 0
        first = self._read_run(missing[0])
        with writing(database):
            for path in missing:
                run = first if path == missing[0] else self._read_run(path)
                if run is not None and insert(database, run):
                    added += 1
                    self._report(run)
                if time.monotonic() >= limit:
                    break
            summarise(database)
        return added

    def _rebuild(self, database: sqlite3.Connection) -> int:
        present = sorted((path for path in self._directories() if is_over(path)), key=lambda path: path.name)
        derived = 0
        with writing(database):
            numbers = dict(database.execute("SELECT id, number FROM runs").fetchall())
            for path in present:
                run = self._read_run(path)
                if run is None:
                    continue
                if run.id in numbers:
                    forget(database, [numbers[run.id]])
                derived += insert(database, run)
                self._report(run)
            database.execute("UPDATE tests SET stale = 1")
            summarise(database)
        return derived

    def _prune_rows(self, database: sqlite3.Connection, keep: Retention, now: float) -> int:
        with writing(database):
            present = {path.name for path in self._directories()}
            forgotten = prune_rows(database, keep, now, present.__contains__)
            if forgotten:
                summarise(database)
        return forgotten

    def _directories(self) -> Iterator[Path]:
        for part in PARTS:
            try:
                names = os.listdir(self.base / part)
            except OSError:
                continue  # nothing was recorded there
            yield from (self.base / part / name for name in names if RUN_ID.match(name))

    def _read_run(self, path: Path) -> RecordedRun | None:
        try:
            return read_run(path)
        except OSError as error:
            self._note(f"run {path.name} cannot be read: {error.strerror or error}")
            return None

    def _report(self, run: RecordedRun) -> None:
        if run.damaged:
            lines = "1 line" if run.damaged == 1 else f"{run.damaged} lines"
            self._note(f"run {run.id}: {lines} of its file are damaged and left out")
        if run.torn:
            self._note(f"run {run.id}: the last line of its file is torn and left out")

    def _open(self, whole: bool) -> None:
        try:
            self._database, notes = files.open_database(self.base, summarise, self._wait, whole)
        except HistoryError as problem:
            self._note(f"the history cannot be used: {problem.message}")
            return
        for note in notes:
            self._note(note)
        if not self._database.writable:
            self._note(self._database.why)

    def _attempt(
        self, action: Callable[[sqlite3.Connection], Answer], otherwise: Answer, failing: str
    ) -> Answer:
        """Do something with the database; one that turns out to be damaged is made anew, once."""
        for last in (False, True):
            if self._database is None:
                return otherwise
            try:
                with troubles():
                    return action(self._database.connection)
            except HistoryError as problem:
                if problem.kind != "damaged" or last or not self._database.writable:
                    self._note(f"the history {failing}: {problem.message}")
                    return otherwise
                self._replace(problem)
        return otherwise

    def _replace(self, problem: HistoryError) -> None:
        """Move the damaged file aside and derive a new one from the runs' files."""
        self.close()
        try:
            for note in files.set_aside(self.base, problem.message, self._wait):
                self._note(note)
        except HistoryError as second:
            self._note(f"the history is damaged ({problem.message}) and cannot be moved: {second.message}")
            return
        self._open(whole=False)
        self.catch_up()

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def recall(base: Path) -> tuple[Remembered, list[str]]:
    """What a run wants to know when it begins, and notes for the user; runs that ended meanwhile are added first."""
    history = History(base)
    history.catch_up(START_SECONDS)
    remembered = history.remembered()
    history.close()
    return remembered, history.notes


def tidy(base: Path, retention: Retention) -> list[str]:
    """What is done beside the tests: earlier runs become part of the history, what is too old or too large goes. Notes.

    The run itself is added by the next run, or by whoever asks first, so that no run waits for its own bookkeeping.
    """
    history = History(base)
    history.catch_up(TIDY_SECONDS)
    history.prune(retention)
    history.close()
    return history.notes


def _run_ids(database: sqlite3.Connection) -> set[str]:
    return {run for (run,) in database.execute("SELECT id FROM runs")}


def _remembered(database: sqlite3.Connection) -> Remembered:
    seconds: dict[str, float] = {}
    variances: dict[str, float] = {}
    failed: dict[str, str] = {}
    whole: set[str] = set()
    flaky: set[str] = set()
    past: dict[str, Past] = {}
    for row in database.execute(_TESTS):
        test, mean, variance, outcome, unexplained, order_dependent, decided, failures = row
        name = restored(test)
        if mean is not None:
            seconds[name] = mean
            if variance:
                variances[name] = variance
        if outcome in _BAD:
            failed[name] = outcome
        if unexplained:
            flaky.add(name)
        if order_dependent:
            whole.add(name.partition("::")[0])
        if failures or name in failed:
            past[name] = Past(decided, failures or 1, bool(unexplained), name in failed)
    return Remembered(seconds, variances, failed, frozenset(whole), frozenset(flaky), past)


def _durations(database: sqlite3.Connection) -> dict[str, Duration]:
    rows = database.execute(
        "SELECT id, seconds, variance, length(recent) / 8 FROM tests WHERE seconds IS NOT NULL"
    )
    return {restored(test): Duration(seconds, variance, count) for test, seconds, variance, count in rows}
