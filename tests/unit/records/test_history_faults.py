"""What can happen to the history's file: it is moved aside, read only, or left for later; a run never pays for it."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from test_framework.model.outcome import Outcome
from test_framework.records.database import CHECKED_BYTES, NAME, HistoryError, set_aside, trouble
from test_framework.records.history import History, Remembered
from test_framework.records.migrations import NEWEST
from tests.unit.records.crash_points import killed_at
from tests.unit.records.written_runs import content_of, run_id, write_run

TEST = "tests/test_a.py::test_one"
MANY = [(f"tests/test_{n % 97}.py::test_number_{n}", 1, Outcome.PASSED, 0.5) for n in range(9_000)]


def filled(base: Path, runs: int = 2) -> Path:
    for number in range(1, runs + 1):
        write_run(base, number, [(TEST, 1, Outcome.FAILED), ("tests/test_b.py::test_b", 1, Outcome.PASSED)])
    history = History(base)
    assert history.catch_up() == runs
    history.close()
    return history.path


# -- damaged ---------------------------------------------------------------------------------------------------


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_database(path: Path) -> None:
    path.write_bytes(b"this was never a database\n" * 100)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def cut_within_its_header(path: Path) -> None:
    os.truncate(path, 50)


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = range(4096, len(content))
    chance = random.Random(7)
    content[4096:] = bytes(chance.randrange(256) for _ in middle)
    path.write_bytes(content)


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").write_text("inside")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def of_somebody_else(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")


DAMAGES = (
    empty,
    no_database,
    truncated,
    cut_within_its_header,
    overwritten,
    a_directory,
    a_pipe,
    of_somebody_else,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_moved_aside_named_and_made_anew_from_the_runs(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = filled(tmp_path)
    before = content_of(path)
    damage(path)
    history = History(tmp_path)
    history.catch_up()
    assert content_of(path) == before
    aside = [each.name for each in tmp_path.glob(f"{NAME}.corrupt-*")]
    assert len(aside) == 1
    assert len(history.notes) == 1
    assert aside[0] in history.notes[0]
    assert "damaged" in history.notes[0]
    history.close()
    again = History(tmp_path)
    assert again.notes == []


def test_damage_in_a_large_file_is_found_when_it_is_read(tmp_path: Path) -> None:
    write_run(tmp_path, 1, MANY)
    write_run(tmp_path, 2, MANY)
    history = History(tmp_path)
    history.catch_up()
    history.close()
    before = content_of(history.path)
    assert history.path.stat().st_size > CHECKED_BYTES
    content = bytearray(history.path.read_bytes())
    content[65536:] = b"\xa5" * (len(content) - 65536)
    history.path.write_bytes(content)
    history = History(tmp_path)
    assert history.notes == []
    known = history.remembered()
    assert len(known.seconds) == len(MANY)
    assert "damaged" in history.notes[0]
    assert content_of(history.path) == before


def test_a_file_is_checked_whole_when_its_last_user_was_killed(tmp_path: Path) -> None:
    write_run(tmp_path, 1, MANY)
    write_run(tmp_path, 2, MANY)
    history = History(tmp_path)
    history.catch_up()
    history.close()
    content = bytearray(history.path.read_bytes())
    assert len(content) > CHECKED_BYTES
    content[-3 * 4096 :] = os.urandom(3 * 4096)
    history.path.write_bytes(content)
    (tmp_path / f"{NAME}-wal").write_bytes(b"left behind")
    history = History(tmp_path)
    assert "damaged" in history.notes[0]
    assert history.catch_up() == 2


def test_damaged_files_do_not_take_each_others_names(tmp_path: Path) -> None:
    path = filled(tmp_path)
    for _ in range(3):
        no_database(path)
        History(tmp_path).close()
    assert len(list(tmp_path.glob(f"{NAME}.corrupt-*"))) == 3


# -- newer -----------------------------------------------------------------------------------------------------


def test_a_newer_schema_is_read_named_by_its_version_and_never_written(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE tests ADD COLUMN colour TEXT")
        database.execute(f"PRAGMA user_version = {NEWEST + 3}")
    before = path.read_bytes()
    write_run(tmp_path, 9, [(TEST, 1, Outcome.PASSED)])
    history = History(tmp_path)
    assert not history.writable
    assert history.catch_up() == 0
    assert history.rebuild() == 0
    assert history.remembered().failed == {TEST: "failed"}
    history.close()
    assert path.read_bytes() == before
    assert f"schema {NEWEST + 3}" in history.notes[0]
    assert f"knows {NEWEST}" in history.notes[0]


def test_a_newer_schema_that_cannot_be_understood_is_no_answer_and_no_traceback(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE tests RENAME TO examinations")
        database.execute(f"PRAGMA user_version = {NEWEST + 1}")
    before = path.read_bytes()
    history = History(tmp_path)
    assert history.remembered() == Remembered()
    history.close()
    assert path.read_bytes() == before
    assert len(history.notes) == 2


# -- locked ----------------------------------------------------------------------------------------------------


def test_a_locked_history_does_not_hold_up_a_run_which_is_added_later(tmp_path: Path) -> None:
    path = filled(tmp_path)
    write_run(tmp_path, 9, [(TEST, 1, Outcome.PASSED)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        history = History(tmp_path)
        assert history.remembered().failed == {TEST: "failed"}
        assert history.catch_up() == 0
        assert time.monotonic() - began < 5.0
        history.close()
        (note,) = history.notes
        assert "locked" in note
        assert "next start" in note
    history = History(tmp_path)
    assert history.catch_up() == 1
    assert history.notes == []
    assert history.remembered().failed == {}


def test_a_history_locked_for_readers_too_is_no_answer_and_is_added_to_later(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        history = History(tmp_path)
        assert history.remembered() == Remembered()
        history.close()
        assert "locked" in history.notes[0]
        assert not list(tmp_path.glob("*corrupt*"))
    assert History(tmp_path).remembered().failed == {TEST: "failed"}


def test_two_processes_that_open_a_damaged_file_move_it_aside_once(tmp_path: Path) -> None:
    path = filled(tmp_path)
    no_database(path)
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            history = History(tmp_path, wait=20.0)
            history.catch_up()
            os._exit(0 if history.remembered().failed else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert len(list(tmp_path.glob(f"{NAME}.corrupt-*"))) == 1
    assert len(content_of(path)["runs"]) == 2


def test_a_file_that_another_process_is_replacing_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path)
    good = path.rename(tmp_path / "good")
    lock = os.open(tmp_path / "history.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def the_other_ends(_seconds: float) -> None:
        good.rename(path)
        os.close(lock)

    monkeypatch.setattr(time, "sleep", the_other_ends)
    history = History(tmp_path)
    assert history.writable
    assert history.remembered().failed == {TEST: "failed"}
    assert history.notes == []


def test_a_file_that_is_locked_or_was_mended_meanwhile_is_not_set_aside(tmp_path: Path) -> None:
    path = filled(tmp_path)
    assert set_aside(tmp_path, "somebody saw damage", wait=0.0) == []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        assert set_aside(tmp_path, "somebody saw damage", wait=0.0) == []
    no_database(path)
    (note,) = set_aside(tmp_path, "somebody saw damage", wait=0.0)
    assert "somebody saw damage" in note
    assert not path.exists()


def test_many_writers_add_every_run_once(tmp_path: Path) -> None:
    for number in range(12):
        write_run(tmp_path, number, [(TEST, 1, Outcome.PASSED)])
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            history = History(tmp_path, wait=20.0)
            history.catch_up()
            os._exit(len(history.notes))
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    rows = content_of(tmp_path / NAME)
    assert [run for run, *_ in rows["runs"]] == [run_id(number).encode() for number in range(12)]
    assert rows["tests"][0][3] == 12


# -- disks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB; tests that need it are skipped where nothing may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: no file system may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Write until nothing more fits."""
    with open(disk / "ballast", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert os.statvfs(disk).f_bavail == 0


def test_a_full_disk_leaves_the_old_history_and_the_run_for_later(small_disk: Path, tmp_path: Path) -> None:
    path = filled(small_disk)
    before = content_of(path)
    elsewhere = write_run(tmp_path / "elsewhere", 9, MANY)
    (small_disk / "runs" / run_id(9)).symlink_to(elsewhere)
    history = History(small_disk)
    assert history.catch_up() == 0
    history.close()
    assert "full" in history.notes[0]
    assert content_of(path) == before
    fill(small_disk)
    history = History(small_disk)
    assert history.remembered().failed == {TEST: "failed"}


def test_a_disk_without_room_for_a_history_is_named(small_disk: Path) -> None:
    write_run(small_disk, 1, [(TEST, 1, Outcome.PASSED)])
    fill(small_disk)
    history = History(small_disk)
    assert history.catch_up() == 0
    assert history.remembered() == Remembered()
    assert "full" in history.notes[0] or "No space" in history.notes[0]


@pytest.mark.parametrize("with_history", [True, False])
def test_a_disk_that_is_read_only_is_read_and_named(small_disk: Path, with_history: bool) -> None:
    write_run(small_disk, 1, [(TEST, 1, Outcome.FAILED)])
    if with_history:
        history = History(small_disk)
        history.catch_up()
        history.close()
    write_run(small_disk, 2, [(TEST, 1, Outcome.PASSED)])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    history = History(small_disk)
    assert not history.writable
    assert history.catch_up() == 0
    assert history.remembered().failed == ({TEST: "failed"} if with_history else {})
    history.close()
    (note,) = history.notes
    assert "cannot be written" in note or "Read-only" in note


def test_every_error_of_sqlite_has_a_kind() -> None:
    broken = sqlite3.OperationalError("disk I/O error")
    assert trouble(broken).kind == "broken"
    assert trouble(OSError(28, "No space left on device")).kind == "full"
    assert isinstance(trouble(OSError(13, "Permission denied")), HistoryError)


# -- killed ----------------------------------------------------------------------------------------------------


def add_all(base: Path) -> None:
    history = History(base)
    history.catch_up()
    history.close()


def rebuild_all(base: Path) -> None:
    history = History(base)
    history.rebuild()
    history.close()


def damage_and_add(base: Path) -> None:
    add_all(base)


SITUATIONS = {
    "making": (lambda _: None, add_all),
    "adding": (filled, add_all),
    "rebuilding": (filled, rebuild_all),
    "replacing": (lambda base: no_database(filled(base)), damage_and_add),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_process_killed_at_any_step_leaves_a_history_that_the_next_completes(
    quick_disk: Path, situation: str
) -> None:
    prepare, action = SITUATIONS[situation]
    expected: dict[str, object] | None = None
    for step in range(500):
        base = quick_disk / str(step)
        base.mkdir()
        prepare(base)
        write_run(base, 9, [(TEST, 1, Outcome.PASSED), ("tests/test_c.py::test_c", 1, Outcome.PASSED)])
        killed = killed_at(step, lambda base=base: action(base))  # type: ignore[misc]
        history = History(base)
        history.catch_up()
        history.close()
        assert [note for note in history.notes if "damaged" not in note] == []
        found = content_of(history.path)
        expected = expected or found
        assert found == expected
        assert len(list(base.glob("*corrupt*"))) == (situation == "replacing")
        shutil.rmtree(base)
        if not killed:
            break
    else:
        pytest.fail("the action never ended")
    assert step > 15, "hardly anything was killed: the steps are not counted"
