"""The history's file: opened, made, migrated, and moved aside when it is damaged.

Rules: a file that is there is whole or moved aside under the name of its damage and the time, never overwritten; a new
file takes its place by renaming; a newer schema is only read. Opening a good file takes no lock. Whatever else is found
is looked at again while the lock file is held, for another process may be mending it; making, migrating and moving
happen there only. Everything else is SQLite's own locking. What is wrong is a `HistoryError`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from test_framework.records.migrations import APPLICATION, NEWEST, migrate, version_of

NAME = "history.sqlite3"
CHECKED_BYTES = 2 * 1024 * 1024
"""a larger file is checked when its last user was killed, and by `apex history stats`; 5 ms a MiB are too long"""
_COMPANIONS = ("-wal", "-shm", "-journal")
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


class HistoryError(Exception):
    """Why the history cannot be used as it should. `kind`: busy, damaged, full, unwritable, newer, older, broken."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(slots=True)
class Database:
    """An open file. `writable`: False where it may only be read, and `why` says why."""

    connection: sqlite3.Connection
    writable: bool = True
    why: str = ""
    kind: str = ""

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()


def trouble(error: sqlite3.Error | OSError) -> HistoryError:
    """The kind of trouble that an error means."""
    if isinstance(error, OSError):
        kind = "full" if error.errno in (28, 122) else "unwritable"
        return HistoryError(kind, error.strerror or str(error))
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    for codes, kind in ((_BUSY, "busy"), (_DAMAGED, "damaged"), ({sqlite3.SQLITE_FULL}, "full")):
        if code in codes:
            return HistoryError(kind, str(error))
    return HistoryError("unwritable" if code in _UNWRITABLE else "broken", str(error))


@contextlib.contextmanager
def troubles() -> Iterator[None]:
    """Turn errors of SQLite and of files into `HistoryError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise trouble(error) from error


def open_database(
    base: Path, summarise: Callable[[sqlite3.Connection], None], wait: float, whole: bool = False
) -> tuple[Database, list[str]]:
    """The history below `base` at the newest version, and what had to be done to it.

    `summarise` follows a migration in its transaction; `wait`: seconds for locks; `whole`: check every page, however
    large the file is. Raises `HistoryError`.
    """
    path = base / NAME
    whole = whole or _has_content(path.with_name(path.name + "-wal"))  # its last user was killed
    try:
        return _open(path, wait, whole), []
    except HistoryError as problem:
        if problem.kind == "busy":
            raise
    try:
        with troubles(), _alone(path, wait):
            return _mend(path, summarise, wait, whole)
    except HistoryError as problem:
        if problem.kind in ("full", "unwritable", "broken") and path.is_file():
            with troubles():
                why = f"{path} cannot be written to: {problem.message}"
                return _read_only(path, problem.kind, why), []
        raise


def set_aside(base: Path, why: str, wait: float) -> list[str]:
    """Move a file that turned out to be damaged while it was used; raises `HistoryError`."""
    path = base / NAME
    with troubles(), _alone(path, wait):
        if _is_damaged(path, wait):
            return [_move_aside(path, why)]
    return []


def _mend(
    path: Path, summarise: Callable[[sqlite3.Connection], None], wait: float, whole: bool
) -> tuple[Database, list[str]]:
    """Do what the file needs, while nobody else does."""
    notes: list[str] = []
    if os.path.lexists(path):
        try:
            return _open(path, wait, whole), notes
        except HistoryError as problem:
            if problem.kind == "older":
                notes.append(_renew(path, summarise, wait))
            elif problem.kind == "damaged":
                notes.append(_move_aside(path, problem.message))
            else:
                raise
    if not os.path.lexists(path):
        _make(path, summarise, wait)
    return _open(path, wait, whole), notes


def _make(path: Path, summarise: Callable[[sqlite3.Connection], None], wait: float) -> None:
    """Make an empty history, complete before it has its name."""
    draft = _draft(path)
    connection = _connect(draft, "rw", wait)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        with writing(connection):
            migrate(connection)
            summarise(connection)
    finally:
        connection.close()
    os.replace(draft, path)
    _synchronise(path.parent)


@troubles()
def _open(path: Path, wait: float, whole: bool) -> Database:
    """Open a file that is good; one that needs something is a `HistoryError`, also of the kind `older`."""
    state = path.stat()
    if not path.is_file():
        raise HistoryError("damaged", "it is a directory" if path.is_dir() else "it is no regular file")
    if not state.st_size:
        raise HistoryError("damaged", "it is empty")
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return _read_only(path, "unwritable", f"{path} cannot be written to")
    connection = _connect(path, "rw", wait)
    try:
        version = version_of(connection)
        if version > NEWEST:
            connection.close()
            why = f"{path} has schema {version} of a newer apex, this one knows {NEWEST}: it is read, never written"
            return _read_only(path, "newer", why)
        if not version or connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise HistoryError("damaged", "it is no history of apex")
        if whole or state.st_size <= CHECKED_BYTES:
            check(connection)
        if version < NEWEST:
            raise HistoryError("older", f"{path} has schema {version}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return Database(connection)


def check(connection: sqlite3.Connection) -> None:
    """Raise `HistoryError` unless every page is in order."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise HistoryError("damaged", found.replace("\n", " "))


def _read_only(path: Path, kind: str, why: str) -> Database:
    """Read what can be read. A file in WAL mode needs its companions, or the promise that nobody writes."""
    modes = ["ro"]
    if kind != "newer" and not _has_content(path.with_name(path.name + "-wal")):
        modes.append("ro&immutable=1")
    for mode in modes:
        connection = _connect(path, mode, 0.0)
        try:
            version_of(connection)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            connection.close()
            why = f"{why}; nor can it be read: {error}"
        else:
            return Database(connection, writable=False, why=why, kind=kind)
    raise HistoryError(kind, why)


def _renew(path: Path, summarise: Callable[[sqlite3.Connection], None], wait: float) -> str:
    """Keep a copy of the older schema, then migrate in one transaction; what was done."""
    connection = _connect(path, "rw", wait)
    try:
        old = version_of(connection)
        copy = path.with_name(f"{path.name}.v{old}-backup")
        draft = _draft(copy)
        target = _connect(draft, "rw", wait)
        try:
            connection.backup(target)
        finally:
            target.close()
        os.replace(draft, copy)
        _synchronise(path.parent)
        with writing(connection):
            migrate(connection)
            summarise(connection)
    finally:
        connection.close()
    return f"{path.name} was brought from schema {old} to {NEWEST}; the older file is kept as {copy.name}"


def _move_aside(path: Path, why: str) -> str:
    """Give a damaged file a name of its own; its companions go first, so that none is ever left beside a new file."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    target, number = path.with_name(f"{path.name}.corrupt-{stamp}"), 1
    while os.path.lexists(target):
        number += 1
        target = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for suffix in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{target}{suffix}")
    os.rename(path, target)
    _synchronise(path.parent)
    return f"{path.name} is damaged ({why}): moved to {target.name}, made anew from the runs' files"


def _is_damaged(path: Path, wait: float) -> bool:
    """Whether the damage is still there; another process may have put a good file in its place."""
    if not os.path.lexists(path):
        return False
    try:
        _open(path, wait, whole=True).close()
    except HistoryError as problem:
        return problem.kind == "damaged"
    return False


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that may write: committed when the block ends well, else as if it had not been."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _alone(path: Path, wait: float) -> Iterator[None]:
    """Hold the lock file; raises `HistoryError` when another process holds it for longer than `wait` seconds."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path.with_name("history.lock"), flags, 0o600)
    try:
        limit = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= limit:
                    raise HistoryError(
                        "busy", f"{path.name} is being made or migrated by another process"
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(fd)


def _has_content(path: Path) -> bool:
    """Whether there is anything in the file; another process may take it away at any time."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _draft(path: Path) -> Path:
    """An empty private file beside `path`, without the leavings of a process that was killed."""
    draft = path.with_name(path.name + ".new")
    for suffix in ("", *_COMPANIONS):
        Path(f"{draft}{suffix}").unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    return draft


def _connect(path: Path, mode: str, wait: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?mode={mode}", uri=True, timeout=wait, isolation_level=None
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _synchronise(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
