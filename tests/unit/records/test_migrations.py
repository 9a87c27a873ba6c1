from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from test_framework.records.database import NAME
from test_framework.records.history import History
from test_framework.records.migrations import NEWEST, version_of
from tests.unit.records.crash_points import killed_at
from tests.unit.records.samples.make import write_story
from tests.unit.records.written_runs import content_of

SAMPLES = Path(__file__).with_name("samples")
VERSIONS = range(1, NEWEST + 1)


def sample(version: int, base: Path) -> Path:
    """A history of that version, as its release wrote it."""
    path = base / NAME
    with closing(sqlite3.connect(path)) as database:
        database.executescript((SAMPLES / f"history-v{version}.sql").read_text("utf-8"))
    return path


def fresh(base: Path) -> Path:
    """The history that the runs of the samples give today."""
    write_story(base)
    history = History(base)
    history.catch_up()
    history.close()
    return history.path


def version_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return version_of(database)


def tables_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [
            sql
            for (sql,) in database.execute("SELECT sql FROM sqlite_schema WHERE sql NOTNULL ORDER BY name")
        ]


def test_every_version_has_a_sample() -> None:
    assert sorted(path.name for path in SAMPLES.glob("*.sql")) == [f"history-v{n}.sql" for n in VERSIONS]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_history_says_after_migrating_what_its_runs_say_today(tmp_path: Path, version: int) -> None:
    today = tmp_path / "today"
    today.mkdir()
    expected = fresh(today)
    path = sample(version, tmp_path)
    assert version_in(path) == version
    history = History(tmp_path)
    history.close()
    assert version_in(path) == NEWEST
    assert content_of(path) == content_of(expected)
    assert tables_in(path) == tables_in(expected)


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_the_older_file_is_kept_and_named(tmp_path: Path, version: int) -> None:
    path = sample(version, tmp_path)
    with closing(sqlite3.connect(path)) as database:
        before = list(database.iterdump())
    history = History(tmp_path)
    history.close()
    copy = tmp_path / f"{NAME}.v{version}-backup"
    with closing(sqlite3.connect(copy)) as database:
        assert list(database.iterdump()) == before
        assert version_of(database) == version
    (note,) = history.notes
    assert copy.name in note
    assert f"from schema {version} to {NEWEST}" in note
    assert copy.stat().st_mode & 0o777 == 0o600
    assert History(tmp_path).notes == []


def test_a_migration_killed_at_any_step_leaves_the_old_schema_or_the_new(quick_disk: Path) -> None:
    today = quick_disk / "today"
    today.mkdir()
    expected = content_of(fresh(today))
    left = set()
    for step in range(500):
        base = quick_disk / str(step)
        base.mkdir()
        path = sample(1, base)
        killed = killed_at(step, lambda base=base: History(base).close())  # type: ignore[misc]
        left.add(version_in(path))
        history = History(base)
        history.close()
        assert not [note for note in history.notes if "schema" not in note]
        assert content_of(path) == expected
        shutil.rmtree(base)
        if not killed:
            break
    else:
        pytest.fail("the migration never ended")
    assert left == {1, NEWEST}
    assert step > 20, "hardly anything was killed: the steps are not counted"


def test_two_processes_migrate_once(tmp_path: Path) -> None:
    import os

    path = sample(1, tmp_path)
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            os._exit(len(History(tmp_path, wait=20.0).notes))
        children.append(child)
    told = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(told) == [0, 0, 0, 1]
    assert version_in(path) == NEWEST
