from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from test_framework.model import facts as f
from test_framework.model.wire import encode
from test_framework.records.places import RUN_ID, is_alive, state_home
from test_framework.records.runs import RunDirectory, new_run_id, read_facts


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path / "state"


def in_the_way(project: Path) -> Path:
    """A project whose `.apex` cannot be a directory (root may write anywhere, so permissions prove nothing)."""
    project.mkdir()
    (project / ".apex").write_text("a file")
    return project


def test_ids_are_valid_sortable_and_not_repeated() -> None:
    ids = [new_run_id() for _ in range(100)]
    assert all(RUN_ID.match(each) for each in ids)
    assert len(set(ids)) == 100
    assert [each[:19] for each in ids] == sorted(each[:19] for each in ids)


def test_ids_of_one_second_are_in_the_order_of_their_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 1_795_776_919_000_000_000
    moments = [begun + milliseconds * 1_000_000 for milliseconds in (0, 1, 9, 16, 255, 256, 999, 1000)]
    monkeypatch.setattr("test_framework.records.runs.time.time_ns", iter(moments).__next__)
    ids = [new_run_id() for _ in moments]
    assert ids == sorted(ids)


@pytest.mark.parametrize("bad", ["../x", "", "a/b", "a" * 65, "a\n", "%2e%2e", "a\0"])
def test_what_is_no_id_is_not_taken_for_one(bad: str) -> None:
    assert RUN_ID.match(bad) is None


def test_a_run_is_alive_as_long_as_its_directory_is_open(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, "run1")
    assert is_alive(directory.path)
    directory.close()
    assert not is_alive(directory.path)
    assert not is_alive(tmp_path / "nothing")
    assert directory.notes == []


def test_a_record_is_private_and_invisible_to_git(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, "run1")
    directory.close()
    for path in (tmp_path / ".apex", directory.path.parent, directory.path):
        assert path.stat().st_mode & 0o777 == 0o700
    for name in ("facts.jsonl", "lock"):
        assert (directory.path / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".apex" / ".gitignore").read_text() == "*\n"


def test_a_project_that_cannot_be_written_to_is_recorded_in_the_state_directory(
    tmp_path: Path, state: Path
) -> None:
    project = in_the_way(tmp_path / "p")
    directory = RunDirectory.create(project, "run1")
    directory.close()
    assert directory.path == state_home(project) / "runs" / "run1"
    assert directory.path.is_relative_to(state)
    assert str(project / ".apex") in directory.notes[0]
    assert str(directory.path) in directory.notes[-1]


def test_a_temporary_directory_is_the_last_resort(tmp_path: Path, state: Path) -> None:
    state.write_text("a file")
    directory = RunDirectory.create(in_the_way(tmp_path / "p"), "run1")
    directory.close()
    assert directory.path.parent.parent.name.startswith("netra-apex-")
    assert len(directory.notes) == 3


def test_the_same_id_is_never_used_twice_in_a_place(tmp_path: Path) -> None:
    first, second = RunDirectory.create(tmp_path, "run1"), RunDirectory.create(tmp_path, "run1")
    assert first.path != second.path
    first.close()
    second.close()


def test_facts_are_read_back_without_a_torn_tail_and_damaged_lines(tmp_path: Path) -> None:
    lines = [
        encode(n, "2026-01-01T00:00:00.000000Z", 0.5, "r", f.AlertRaised(kind="k", message=f"m{n}"))
        for n in range(4)
    ]
    damaged = lines[1].replace(b"m1", b"mX")
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b"\n".join([lines[0], damaged, b"\xff\xfe garbage", b"", lines[2], lines[3][:-9]]))
    assert [stamped.seq for stamped in read_facts(path)] == [0, 2]


def test_a_lock_that_is_a_symlink_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    fd = os.open(other, os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    (tmp_path / "lock").symlink_to(other)
    assert not is_alive(tmp_path)
    os.close(fd)
