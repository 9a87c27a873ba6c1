from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_framework.core.estimates import duration_of
from test_framework.model.outcome import Blame, Outcome
from test_framework.records.history import History, recall, tidy
from test_framework.records.readings import category_statistics, file_statistics, last_runs, one_test
from test_framework.records.retention import Retention
from tests.unit.records.written_runs import (
    Row,
    content_of,
    facts_of,
    finished,
    lines_of,
    run_id,
    write_run,
)

TEST = "tests/test_a.py::test_one"
OTHER = "tests/test_a.py::test_two"


def history_of(base: Path) -> History:
    history = History(base)
    history.catch_up()
    return history


# -- properties ------------------------------------------------------------------------------------------------

ids = st.sampled_from(
    [TEST, OTHER, "tests/test_b.py::test_x[1]", "tests/test_b.py::test_\udc80", "ü\0.py::a"]
)
rows = st.lists(
    st.builds(
        finished,
        ids,
        st.integers(1, 3),
        st.sampled_from(list(Outcome)),
        st.floats(0, 100, allow_nan=False),
        flags=st.sampled_from([(), ("order_dependent",), ("untimed",), ("leak", "flaky")]),
        category=st.sampled_from(["unit", "api", ""]),
        blame=st.sampled_from([None, *Blame]),
        message=st.sampled_from(["assert 1", "ValueError: x", "\udcff"]),
    ),
    max_size=8,
)
stories = st.lists(st.tuples(rows, st.sampled_from(["", "t1", "t2"]), st.booleans()), min_size=1, max_size=5)


@settings(deadline=None, max_examples=25)
@given(stories, st.randoms(use_true_random=False))
def test_what_is_added_run_by_run_in_any_order_at_once_or_again_is_the_same(
    story: list[tuple[list[Row], str, bool]], chance: object
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for number, (attempts, tree, over) in enumerate(story):
            write_run(base, number, attempts, tree, over)
        history = history_of(base)
        at_once = content_of(history.path)
        assert len(at_once["runs"]) == len(story)
        assert history.catch_up() == 0
        assert history.rebuild() == len(story)
        assert content_of(history.path) == at_once
        history.close()

        order = list(range(len(story)))
        for shuffled in (order, chance.sample(order, len(order))):  # type: ignore[attr-defined]
            other = Path(folder, "other")
            for number in shuffled:
                write_run(other, number, *story[number])
                one = History(other)
                assert one.catch_up() == 1
                assert one.notes == []
                one.close()
            assert content_of(other / "history.sqlite3") == at_once
            shutil.rmtree(other)


# -- what is remembered ----------------------------------------------------------------------------------------


def test_planning_is_told_durations_failures_flaky_tests_and_modules_to_keep_whole(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [(TEST, 1, Outcome.PASSED, 1.0), (OTHER, 1, Outcome.FAILED, 2.0)])
    write_run(
        tmp_path,
        2,
        [
            (TEST, 1, Outcome.PASSED, 3.0),
            finished("tests/test_c.py::test_c", 1, Outcome.FAILED),
            finished("tests/test_c.py::test_c", 2, Outcome.PASSED, flags=("order_dependent",)),
            finished("tests/test_d.py::test_d", 1, Outcome.FAILED),
            finished("tests/test_d.py::test_d", 2, Outcome.PASSED),
        ],
    )
    known = history_of(tmp_path).remembered()
    assert known.seconds[TEST] == duration_of([1.0, 3.0]).seconds
    assert known.failed == {OTHER: "failed"}
    assert known.whole == {"tests/test_c.py"}
    assert known.flaky == {"tests/test_d.py::test_d"}


def test_a_test_is_flaky_when_it_fails_and_passes_on_the_same_tree_in_two_runs(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [(TEST, 1, Outcome.FAILED), (OTHER, 1, Outcome.FAILED)], tree="t1")
    write_run(tmp_path, 2, [(TEST, 1, Outcome.PASSED), (OTHER, 1, Outcome.FAILED)], tree="t1")
    write_run(tmp_path, 3, [(TEST, 1, Outcome.PASSED), (OTHER, 1, Outcome.PASSED)], tree="t2")
    assert history_of(tmp_path).remembered().flaky == {TEST}


def test_a_failure_of_the_environment_makes_no_test_flaky(tmp_path: Path) -> None:
    write_run(
        tmp_path, 1, [finished(TEST, 1, Outcome.ERROR, blame=Blame.ENVIRONMENT), (TEST, 2, Outcome.PASSED)]
    )
    assert history_of(tmp_path).remembered().flaky == frozenset()


def test_a_lost_test_keeps_the_outcome_that_it_had_before(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [(TEST, 1, Outcome.FAILED, 2.0)])
    write_run(tmp_path, 2, [(TEST, 1, Outcome.LOST, 9.0)])
    known = history_of(tmp_path).remembered()
    assert known.failed == {TEST: "failed"}
    assert known.seconds == {TEST: 2.0}


def test_ids_that_are_no_text_come_back_as_they_were(tmp_path: Path) -> None:
    odd = "tests/t\udc80.py::test_\ud800[\0]"
    write_run(tmp_path, 1, [(odd, 1, Outcome.FAILED)])
    history = history_of(tmp_path)
    assert history.remembered().failed == {odd: "failed"}
    found = one_test(history, odd)
    assert found is not None
    assert found.id == odd
    assert history.notes == []


def test_peak_memory_and_the_failures_signature_are_kept(tmp_path: Path) -> None:
    row = finished(
        TEST,
        1,
        Outcome.FAILED,
        message="ValueError: bad value 0x7f00aa at /tmp/pytest-3/x.txt",
        detail="tests/test_a.py:3: in test_one\nsrc/thing.py:77: ValueError\n",
        peak_memory_bytes=1234,
    )
    write_run(tmp_path, 1, [row])
    found = one_test(history_of(tmp_path), TEST)
    assert found is not None
    (attempt,) = found.attempts
    assert attempt.peak_memory_bytes == 1234
    assert attempt.failure == "ValueError: bad value <address> at <path>/x.txt (src/thing.py)"


def test_categories_have_statistics(tmp_path: Path) -> None:
    slow = [finished(f"tests/test_a.py::test_{n}", 1, Outcome.PASSED, 1.0) for n in range(18)]
    write_run(
        tmp_path,
        1,
        [
            *slow,
            finished(TEST, 1, Outcome.FAILED, 5.0),
            finished(OTHER, 1, Outcome.SKIPPED, 0.0),
            finished("tests/api/test_z.py::test_z", 1, Outcome.FAILED, 3.0, category="api"),
            finished("tests/api/test_z.py::test_z", 2, Outcome.PASSED, 3.0, category="api"),
        ],
    )
    api, unit = category_statistics(history_of(tmp_path))
    assert (api.category, api.tests, api.pass_rate, api.flaky) == ("api", 1, 1.0, 1)
    assert (unit.category, unit.tests, unit.passed, unit.failed) == ("unit", 20, 18, 1)
    assert unit.pass_rate == 18 / 19
    assert (unit.median_seconds, unit.p95_seconds) == (1.0, 1.0)
    assert unit.last_failure == "2026-01-01T00:00:01.000000Z"


def test_the_last_runs_come_newest_first_with_their_accounts(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [(TEST, 1, Outcome.PASSED), (OTHER, 1, Outcome.NOT_RUN)])
    write_run(tmp_path, 2, [(TEST, 1, Outcome.FAILED)])
    newest, older = last_runs(history_of(tmp_path))
    assert (newest.id, newest.exit_code) == (run_id(2), 1)
    assert (older.collected, older.executed, older.owed) == (2, 1, 1)


# -- which runs are added --------------------------------------------------------------------------------------


def hold_lock(folder: Path) -> int:
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def test_a_run_that_lives_is_added_when_it_is_over_and_not_before(tmp_path: Path) -> None:
    folder = write_run(tmp_path, 1, [(TEST, 1, Outcome.PASSED)], over=False)
    lock = hold_lock(folder)
    history = History(tmp_path)
    assert history.catch_up() == 0
    with open(folder / "facts.jsonl", "ab") as file:
        file.write(lines_of(1, facts_of([(TEST, 1, Outcome.PASSED)]))[-1] + b"\n")
    assert history.catch_up() == 1
    os.close(lock)


def test_a_run_whose_host_died_is_added_without_a_verdict_and_owes_the_rest(tmp_path: Path) -> None:
    facts = facts_of([(TEST, 1, Outcome.FAILED), (OTHER, 1, Outcome.PASSED)], over=False)
    write_run(tmp_path, 1, [], lines=lines_of(1, facts[:4]))
    history = history_of(tmp_path)
    (run,) = last_runs(history)
    assert run.exit_code is None
    assert (run.collected, run.executed, run.owed) == (2, 1, 1)
    assert history.remembered().failed == {TEST: "failed"}


def test_a_torn_tail_is_dropped_and_said(tmp_path: Path) -> None:
    folder = write_run(tmp_path, 1, [(TEST, 1, Outcome.PASSED), (OTHER, 1, Outcome.PASSED)])
    file = folder / "facts.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    history = history_of(tmp_path)
    assert history.notes == [f"run {run_id(1)}: the last line of its file is torn and left out"]
    assert set(history.remembered().seconds) == {TEST, OTHER}
    assert last_runs(history)[0].exit_code is None


@pytest.mark.parametrize("garbage", [b"\xff\xfe garbage", b"", b"{}", b'{"v":1,"crc":"00000000"}'])
def test_garbage_in_the_middle_is_counted_and_the_others_are_kept(tmp_path: Path, garbage: bytes) -> None:
    lines = lines_of(1, facts_of([(TEST, 1, Outcome.PASSED), (OTHER, 1, Outcome.PASSED)]))
    write_run(tmp_path, 1, [], lines=[*lines[:3], garbage, *lines[3:]])
    history = history_of(tmp_path)
    assert history.notes == [f"run {run_id(1)}: 1 line of its file are damaged and left out"]
    assert set(history.remembered().seconds) == {TEST, OTHER}


def test_facts_of_another_run_are_no_facts_of_this_one(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [], lines=lines_of(1, facts_of([(TEST, 1, Outcome.FAILED)]), run=run_id(2)))
    history = history_of(tmp_path)
    assert history.remembered().failed == {}
    assert "damaged" in history.notes[0]


def test_a_directory_without_facts_is_a_run_of_nothing_and_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "runs" / run_id(1)).mkdir(parents=True)
    history = History(tmp_path)
    assert history.catch_up() == 1
    assert history.catch_up() == 0


def test_time_that_is_up_leaves_older_runs_for_later(tmp_path: Path) -> None:
    for number in range(3):
        write_run(tmp_path, number, [(TEST, 1, Outcome.PASSED)])
    history = History(tmp_path)
    assert history.catch_up(seconds=0.0) == 1
    assert [run.id for run in last_runs(history)] == [run_id(2)]
    assert history.catch_up() == 2


def test_a_rebuild_keeps_what_only_the_history_knows(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [(TEST, 1, Outcome.FAILED)])
    write_run(tmp_path, 2, [(OTHER, 1, Outcome.PASSED)])
    history = history_of(tmp_path)
    before = content_of(history.path)
    shutil.rmtree(tmp_path / "runs" / run_id(1))
    assert history.rebuild() == 1
    assert content_of(history.path) == before


def test_a_rebuild_mends_rows_that_were_altered(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [(TEST, 1, Outcome.FAILED), (OTHER, 1, Outcome.PASSED)])
    history = history_of(tmp_path)
    before = content_of(history.path)
    with closing(sqlite3.connect(history.path)) as database, database:
        database.execute("UPDATE attempts SET outcome = 'passed'")
        database.execute("UPDATE tests SET last_outcome = 'passed', seconds = 99")
    assert content_of(history.path) != before
    history.rebuild()
    assert content_of(history.path) == before


def test_a_run_recalls_what_the_runs_before_it_kept_also_one_that_was_killed(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [(TEST, 1, Outcome.PASSED)])
    write_run(tmp_path, 2, [(OTHER, 1, Outcome.PASSED)])
    assert tidy(tmp_path, Retention(keep_runs=1)) == []
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [run_id(2)]
    write_run(tmp_path, 3, [(OTHER, 1, Outcome.FAILED)], over=False)
    known, notes = recall(tmp_path)
    assert set(known.seconds) == {TEST, OTHER}
    assert known.failed == {OTHER: "failed"}
    assert notes == []


def test_the_file_is_private_and_says_what_it_holds(tmp_path: Path) -> None:
    write_run(tmp_path, 1, [(TEST, 1, Outcome.FAILED)])
    history = history_of(tmp_path)
    found = file_statistics(history)
    assert found is not None
    assert (found.runs, found.tests, found.attempts, found.signatures, found.flaky) == (1, 1, 1, 1, 0)
    assert history.path.stat().st_mode & 0o777 == 0o600
