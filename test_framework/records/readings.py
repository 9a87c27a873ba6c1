"""Questions to the history: the last runs, one test's attempts, statistics of categories and of the file itself.

Rules: shapes are frozen values; seconds and bytes; times are RFC 3339 UTC; nothing is computed that `core` could say.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from statistics import median

from test_framework.core.estimates import Duration
from test_framework.model.outcome import BAD, UNPROVEN
from test_framework.records.deriving import restored, stored
from test_framework.records.history import History
from test_framework.records.migrations import version_of

_BAD = frozenset(outcome.value for outcome in BAD)
_UNPROVEN = frozenset(outcome.value for outcome in UNPROVEN)
_QUIET = frozenset({"skipped", "xfailed"})


@dataclass(frozen=True, slots=True)
class RunRow:
    id: str
    began: str
    seconds: float
    mode: str
    environment: str
    python: str
    exit_code: int | None
    """None: the run died before its verdict"""
    collected: int
    executed: int
    proven: int
    owed: int
    revision: str
    dirty: bool | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    run: str
    began: str
    attempt: int
    outcome: str
    blame: str
    seconds: float
    worker: str
    layer: str
    category: str
    flags: str
    """words"""
    peak_memory_bytes: int | None
    kind: str
    """of the failure's signature: the exception's class or the outcome"""
    message: str
    frame: str

    @property
    def failure(self) -> str:
        """The failure's signature on one line; empty where there is none."""
        where = f" ({self.frame})" if self.frame else ""
        return ": ".join(word for word in (self.kind, self.message) if word) + where


@dataclass(frozen=True, slots=True)
class TestRow:
    __test__ = False

    id: str
    category: str
    duration: Duration
    decided: int
    unexplained: int
    last_outcome: str
    last_bad: str
    attempts: tuple[AttemptRow, ...]
    """newest first"""


@dataclass(frozen=True, slots=True)
class CategoryStatistics:
    """What the history says of the tests of one category, each test counted once."""

    category: str
    tests: int
    passed: int
    """tests whose newest outcome is a pass"""
    failed: int
    """tests whose newest outcome is bad"""
    median_seconds: float
    p95_seconds: float
    total_seconds: float
    flaky: int
    slowest: str
    """the test that takes longest; empty: no duration is known"""
    last_failure: str
    """when the run with the newest failure began; empty: none"""

    @property
    def pass_rate(self) -> float | None:
        """Of the tests that passed or failed; None where none did."""
        judged = self.passed + self.failed
        return self.passed / judged if judged else None


@dataclass(frozen=True, slots=True)
class FileStatistics:
    path: str
    schema: int
    bytes: int
    runs: int
    tests: int
    attempts: int
    signatures: int
    flaky: int
    oldest: str
    newest: str


def last_runs(history: History, count: int = 20) -> list[RunRow]:
    """The newest runs, newest first."""

    def ask(database: sqlite3.Connection) -> list[RunRow]:
        rows = database.execute(
            "SELECT r.id, began, seconds, mode, e.environment, python, exit_code, collected, executed, proven, owed,"
            " revision, dirty FROM runs r JOIN environments e ON e.number = r.environment"
            " ORDER BY began DESC, r.id DESC LIMIT ?",
            (count,),
        )
        found = [RunRow(*row) for row in rows]
        return [each if each.dirty is None else replace(each, dirty=bool(each.dirty)) for each in found]

    return history.read(ask, [])


def one_test(history: History, test: str, count: int = 50) -> TestRow | None:
    """One test with its newest attempts; None when the history does not know it."""

    def ask(database: sqlite3.Connection) -> TestRow | None:
        found = database.execute(
            "SELECT number, category, seconds, variance, length(recent) / 8, decided, unexplained, last_outcome,"
            " last_bad FROM tests WHERE id = ?",
            (stored(test),),
        ).fetchone()
        if found is None:
            return None
        number, category, seconds, variance, samples, decided, unexplained, last_outcome, last_bad = found
        return TestRow(
            id=test,
            category=category,
            duration=Duration(seconds or 0.0, variance, samples),
            decided=decided,
            unexplained=unexplained,
            last_outcome=last_outcome,
            last_bad=last_bad,
            attempts=_attempts(database, number, count),
        )

    return history.read(ask, None)


def similar_ids(history: History, words: str, count: int = 10) -> list[str]:
    """Ids of tests that contain the words, for a user who typed a part of one."""

    def ask(database: sqlite3.Connection) -> list[str]:
        rows = database.execute(
            "SELECT id FROM tests WHERE instr(id, ?) ORDER BY length(id), id LIMIT ?", (stored(words), count)
        )
        return [restored(test) for (test,) in rows]

    return history.read(ask, [])


def category_statistics(history: History) -> list[CategoryStatistics]:
    """One row for each category that has tests, by name."""

    def ask(database: sqlite3.Connection) -> list[CategoryStatistics]:
        members: dict[str, list[tuple[float | None, str, int, str, str]]] = {}
        for category, *row in database.execute(
            "SELECT category, seconds, last_outcome, unexplained, last_bad, id FROM tests WHERE decided"
            " ORDER BY category"
        ):
            members.setdefault(category, []).append(tuple(row))
        return [_category(name, rows) for name, rows in members.items()]

    return history.read(ask, [])


def file_statistics(history: History) -> FileStatistics | None:
    """How large the history is and what it spans."""

    def ask(database: sqlite3.Connection) -> FileStatistics:
        runs, tests, attempts, signatures, flaky = (
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("runs", "tests", "attempts", "signatures", "tests WHERE unexplained")
        )
        oldest, newest = database.execute("SELECT min(began), max(began) FROM runs").fetchone()
        size = history.path.stat().st_size
        version = version_of(database)
        return FileStatistics(
            path=str(history.path),
            schema=version,
            bytes=size,
            runs=runs,
            tests=tests,
            attempts=attempts,
            signatures=signatures,
            flaky=flaky,
            oldest=oldest or "",
            newest=newest or "",
        )

    return history.read(ask, None)


def _attempts(database: sqlite3.Connection, test: int, count: int) -> tuple[AttemptRow, ...]:
    rows = database.execute(
        "SELECT r.id, began, attempt, outcome, blame, a.seconds, worker, layer, category, flags, peak_memory_bytes,"
        " coalesce(s.kind, ''), coalesce(s.message, ''), coalesce(s.frame, '')"
        " FROM attempts a JOIN runs r ON r.number = a.run LEFT JOIN signatures s ON s.number = a.signature"
        " WHERE test = ? ORDER BY began DESC, r.id DESC, attempt DESC LIMIT ?",
        (test, count),
    )
    return tuple(AttemptRow(*row) for row in rows)


def _category(name: str, rows: list[tuple[float | None, str, int, str, str]]) -> CategoryStatistics:
    timed = sorted((row[0], row[4]) for row in rows if row[0] is not None)
    durations = [seconds for seconds, _ in timed]
    return CategoryStatistics(
        category=name,
        tests=len(rows),
        passed=sum(1 for row in rows if row[1] not in _BAD | _UNPROVEN | _QUIET),
        failed=sum(1 for row in rows if row[1] in _BAD),
        median_seconds=median(durations) if durations else 0.0,
        p95_seconds=durations[-1 - len(durations) // 20] if durations else 0.0,
        total_seconds=round(sum(durations), 6),
        flaky=sum(1 for row in rows if row[2]),
        slowest=timed[-1][1] if timed else "",
        last_failure=max(row[3] for row in rows),
    )
