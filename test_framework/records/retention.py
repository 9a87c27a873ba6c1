"""What is thrown away, and when: runs' directories by age, count and size; rows of the history later.

Rules: a run that lives, or is pinned (a file `pinned` in its directory), is never removed, and the newest never; a
directory is renamed before it is emptied, so that nobody reads half of one. Rows outlive their directories.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from test_framework.records.deriving import forget
from test_framework.records.places import RUN_ID, is_alive

PINNED = "pinned"
ROW_RUNS = 500
ROW_DAYS = 365
_TRASH = ".removed-"
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Limits of what is kept; whichever is reached first. Rows: `ROW_RUNS`, `ROW_DAYS` and half of the size."""

    keep_runs: int = 50
    keep_days: float = 90.0
    max_size_mb: float = 1024.0
    """of all runs' directories together, MiB"""

    @classmethod
    def from_settings(cls, history: Mapping[str, Any]) -> Retention:
        """From the checked `history` section of the settings."""
        known = {name: history[name] for name in ("keep_runs", "keep_days", "max_size_mb") if name in history}
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Removed:
    runs: int = 0
    bytes: int = 0


def prune_directories(
    folder: Path, keep: Retention, now: float, derived: Container[str] | None = None
) -> Removed:
    """Remove ended runs below `folder` that are over a limit. `now`: seconds since the epoch.

    Runs that are not in `derived` are known from their files alone: they stay twice as long in count.
    """
    for entry in folder.glob(f"{_TRASH}*"):
        shutil.rmtree(entry, ignore_errors=True)
    runs = sorted((path for path in folder.iterdir() if RUN_ID.match(path.name)), key=_age_key, reverse=True)
    removed_runs = removed_bytes = total = 0
    for place, path in enumerate(runs):
        size = _size(path)
        old = now - _changed(path) > keep.keep_days * _DAY
        count = keep.keep_runs if derived is None or path.name in derived else 2 * keep.keep_runs
        over = old or place >= count or total + size > keep.max_size_mb * 1024 * 1024
        if place and over and not is_alive(path) and not (path / PINNED).exists() and _remove(path):
            removed_runs += 1
            removed_bytes += size
        else:
            total += size
    return Removed(removed_runs, removed_bytes)


def prune_rows(
    database: sqlite3.Connection, keep: Retention, now: float, is_kept: Callable[[str], bool]
) -> int:
    """Forget the oldest runs of the history beyond its own limits, never those that `is_kept`; how many.

    Done in steps of a tenth of the limit, because each step reads the attempts of all tests concerned anew.
    """
    rows = database.execute("SELECT number, id, began FROM runs ORDER BY began DESC, id DESC").fetchall()
    limit = max(ROW_RUNS, keep.keep_runs)
    oldest = datetime.fromtimestamp(now, UTC) - timedelta(days=max(ROW_DAYS, keep.keep_days))
    stamp = oldest.strftime("%Y-%m-%dT%H:%M:%S")
    over = rows[limit:] if len(rows) > limit + limit // 10 else []
    too_old = [row for row in rows if row[2] < stamp and row not in over]
    too_big = rows[len(rows) // 2 :] if _used_bytes(database) > keep.max_size_mb * 512 * 1024 else []
    wanted = {number for number, run, _ in (*over, *too_old, *too_big) if not is_kept(run)}
    if wanted:
        forget(database, sorted(wanted))
    return len(wanted)


def _used_bytes(database: sqlite3.Connection) -> int:
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    used: int = (pages - free) * size
    return used


def _remove(path: Path) -> bool:
    trash = path.with_name(_TRASH + path.name)
    try:
        os.rename(path, trash)
    except OSError:
        return False
    shutil.rmtree(trash, ignore_errors=True)
    return True


def _age_key(path: Path) -> str:
    """Ids begin with the time; those of imported results do not, and only the time of their file is known."""
    if path.name[:8].isdigit():
        return path.name
    return datetime.fromtimestamp(_changed(path), UTC).strftime("%Y%m%d-%H%M%S")


def _changed(path: Path) -> float:
    try:
        return (path / "facts.jsonl").stat().st_mtime
    except OSError:
        return path.lstat().st_mtime


def _size(path: Path) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue  # removed under our eyes
    return total
