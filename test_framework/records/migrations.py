"""The schema of the history, version after version: one function leads from each version to the next.

Rules: a migration that was released is never changed; it only speaks SQL of its own version. One that changes what a
test's summary means marks the tests `stale`: who migrates summarises them anew in the same transaction. All pending
migrations are one transaction, so that a killed process leaves the old schema or the new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

APPLICATION = 0x41504558
"""`PRAGMA application_id`: APEX"""


def _runs_and_attempts(database: sqlite3.Connection) -> None:
    """Version 1: what the runs' files say, run by run and attempt by attempt."""
    _each(
        database,
        f"PRAGMA application_id = {APPLICATION}",
        """CREATE TABLE environments (
            number INTEGER PRIMARY KEY,
            environment TEXT NOT NULL, interpreter TEXT NOT NULL, python TEXT NOT NULL, pytest TEXT NOT NULL,
            host TEXT NOT NULL,
            UNIQUE (environment, interpreter, python, pytest, host))""",
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            began TEXT NOT NULL, ended TEXT NOT NULL, seconds REAL NOT NULL,
            mode TEXT NOT NULL, environment INTEGER NOT NULL REFERENCES environments,
            exit_code INTEGER,
            collected INTEGER NOT NULL, executed INTEGER NOT NULL, proven INTEGER NOT NULL, owed INTEGER NOT NULL,
            revision TEXT NOT NULL, tree TEXT NOT NULL, dirty INTEGER,
            apex TEXT NOT NULL,
            damaged INTEGER NOT NULL, torn INTEGER NOT NULL)""",
        "CREATE INDEX runs_in_order ON runs (began, id)",
        """CREATE TABLE signatures (
            number INTEGER PRIMARY KEY,
            kind TEXT NOT NULL, message TEXT NOT NULL, frame TEXT NOT NULL,
            UNIQUE (kind, message, frame))""",
        """CREATE TABLE tests (
            number INTEGER PRIMARY KEY,
            id NOT NULL UNIQUE,
            file NOT NULL)""",
        """CREATE TABLE attempts (
            run INTEGER NOT NULL REFERENCES runs, test INTEGER NOT NULL REFERENCES tests, attempt INTEGER NOT NULL,
            outcome TEXT NOT NULL, blame TEXT NOT NULL, seconds REAL NOT NULL,
            worker TEXT NOT NULL, layer TEXT NOT NULL, category TEXT NOT NULL, flags TEXT NOT NULL,
            peak_memory_bytes INTEGER, signature INTEGER REFERENCES signatures,
            PRIMARY KEY (run, test, attempt)) WITHOUT ROWID""",
        "CREATE INDEX attempts_of_test ON attempts (test, run)",
        "CREATE INDEX attempts_of_signature ON attempts (signature) WHERE signature IS NOT NULL",
    )


def _summaries(database: sqlite3.Connection) -> None:
    """Version 2: what all attempts of a test say together, so that a run can begin without reading them all."""
    _each(
        database,
        "ALTER TABLE tests ADD COLUMN category TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE tests ADD COLUMN decided INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tests ADD COLUMN unexplained INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tests ADD COLUMN seconds REAL",
        "ALTER TABLE tests ADD COLUMN variance REAL NOT NULL DEFAULT 0.0",
        "ALTER TABLE tests ADD COLUMN last_outcome TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE tests ADD COLUMN last_bad TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE tests ADD COLUMN order_dependent INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tests ADD COLUMN stale INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tests ADD COLUMN recent BLOB NOT NULL DEFAULT x''",
        "CREATE INDEX stale_tests ON tests (number) WHERE stale",
        "UPDATE tests SET stale = 1",
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_runs_and_attempts, _summaries)
"""The n-th (from 1) makes version n of version n-1; version 0 is an empty file."""
NEWEST = len(MIGRATIONS)


def version_of(database: sqlite3.Connection) -> int:
    """The schema's version; raises `sqlite3.DatabaseError` where the file is no database."""
    found: int = database.execute("PRAGMA user_version").fetchone()[0]
    return found


def migrate(database: sqlite3.Connection) -> None:
    """Lead the schema to the newest version, within the transaction that the caller opened."""
    for version in range(version_of(database), NEWEST):
        MIGRATIONS[version](database)
        database.execute(f"PRAGMA user_version = {version + 1}")


def _each(database: sqlite3.Connection, *statements: str) -> None:
    for statement in statements:
        database.execute(statement)
