from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from test_framework.model.outcome import Outcome
from test_framework.records import retention
from test_framework.records.history import History
from test_framework.records.readings import last_runs
from test_framework.records.retention import Retention
from tests.unit.records.written_runs import content_of, run_id, write_run

NOW = 1_767_225_600.0 + 3600
"""an hour after the first second of 2026"""
DAY = 86_400.0
TEST = "tests/test_a.py::test_one"


def runs(base: Path, *days_old: float) -> None:
    """Runs 0, 1, ... of that age, each of about 10 KiB."""
    for number, days in enumerate(days_old):
        folder = write_run(base, number, [(TEST, 1, Outcome.PASSED)])
        (folder / "output.log").write_bytes(b"x" * 10_000)
        os.utime(folder / "facts.jsonl", (NOW - days * DAY, NOW - days * DAY))


def left(base: Path) -> list[int]:
    names = {path.name for path in (base / "runs").iterdir()}
    found = [number for number in range(100) if run_id(number) in names]
    assert len(names) == len(found), "something else was left behind"
    return found


def derived(base: Path) -> History:
    history = History(base)
    history.catch_up()
    return history


def test_the_oldest_runs_beyond_the_count_go_and_their_rows_stay(tmp_path: Path) -> None:
    runs(tmp_path, *[0] * 5)
    history = derived(tmp_path)
    before = content_of(history.path)
    removed = history.prune(Retention(keep_runs=2), NOW)
    assert left(tmp_path) == [3, 4]
    assert removed.runs == 3
    assert removed.bytes > 30_000
    assert content_of(history.path) == before


def test_runs_that_are_too_old_go(tmp_path: Path) -> None:
    runs(tmp_path, 99, 91, 89, 1)
    derived(tmp_path).prune(Retention(keep_days=90), NOW)
    assert left(tmp_path) == [2, 3]


def test_runs_that_are_too_large_together_go_oldest_first(tmp_path: Path) -> None:
    runs(tmp_path, *[0] * 10)
    derived(tmp_path).prune(Retention(max_size_mb=0.035), NOW)
    assert left(tmp_path) == [7, 8, 9]


def test_the_newest_run_stays_whatever_the_limits(tmp_path: Path) -> None:
    runs(tmp_path, 400, 400)
    derived(tmp_path).prune(Retention(keep_runs=1, keep_days=1, max_size_mb=0.001), NOW)
    assert left(tmp_path) == [1]


def test_a_pinned_run_and_one_that_lives_stay(tmp_path: Path) -> None:
    runs(tmp_path, *[400] * 5)
    (tmp_path / "runs" / run_id(0) / "pinned").touch()
    lock = os.open(tmp_path / "runs" / run_id(2) / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    history = derived(tmp_path)
    history.prune(Retention(keep_runs=1, keep_days=1), NOW)
    assert left(tmp_path) == [0, 2, 4]
    os.close(lock)
    history.prune(Retention(keep_runs=1, keep_days=1), NOW)
    assert left(tmp_path) == [0, 4]


def test_runs_that_the_history_does_not_know_yet_stay_twice_as_long(tmp_path: Path) -> None:
    runs(tmp_path, *[0] * 6)
    History(tmp_path).prune(Retention(keep_runs=2), NOW)
    assert left(tmp_path) == [2, 3, 4, 5]


def test_what_a_killed_pruning_left_is_removed_by_the_next(tmp_path: Path) -> None:
    runs(tmp_path, 0)
    (tmp_path / "runs" / f".removed-{run_id(7)}").mkdir()
    (tmp_path / "runs" / f".removed-{run_id(7)}" / "facts.jsonl").touch()
    derived(tmp_path).prune(Retention(), NOW)
    assert left(tmp_path) == [0]


def test_rows_go_when_their_own_limit_is_reached_and_summaries_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROW_RUNS", 4)
    for number in range(6):
        outcome = Outcome.FAILED if number == 0 else Outcome.PASSED
        rows = [(TEST, 1, outcome, float(number)), (f"tests/test_{number}.py::test", 1, Outcome.PASSED, 1.0)]
        write_run(tmp_path, number, rows)
    history = derived(tmp_path)
    history.prune(Retention(keep_runs=3), NOW)
    assert [run.id for run in last_runs(history)] == [run_id(number) for number in (5, 4, 3, 2)]
    assert set(history.remembered().seconds) == {TEST, *(f"tests/test_{n}.py::test" for n in (2, 3, 4, 5))}
    found = content_of(history.path)
    assert found["signatures"] == []
    other = tmp_path / "other"
    for number in range(2, 6):
        rows = [
            (TEST, 1, Outcome.PASSED, float(number)),
            (f"tests/test_{number}.py::test", 1, Outcome.PASSED, 1.0),
        ]
        write_run(other, number, rows)
    assert content_of(derived(other).path) == found


def test_rows_of_runs_whose_files_are_there_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROW_RUNS", 1)
    runs(tmp_path, *[0] * 4)
    history = derived(tmp_path)
    history.prune(Retention(keep_runs=4), NOW)
    assert history.catch_up() == 0
    assert len(last_runs(history)) == 4


def test_rows_that_are_too_old_go(tmp_path: Path) -> None:
    runs(tmp_path, 0, 0)
    history = derived(tmp_path)
    history.prune(Retention(keep_runs=1), NOW + 400 * DAY)
    assert [run.id for run in last_runs(history)] == [run_id(1)]


def test_limits_come_from_the_settings() -> None:
    assert Retention.from_settings({"keep_runs": 7, "enabled": True}) == Retention(keep_runs=7)
    assert Retention.from_settings({}) == Retention()


def test_where_nothing_was_recorded_there_is_nothing_to_prune(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.prune(Retention(), NOW).runs == 0
    assert history.notes == []
