"""Contenders run in turn, and none loses its row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.compare import Contender, alternate, time_commands
from benchmarks.suites import REPOSITORY
from benchmarks.turn import take_turn

ECHO = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"


def contender(name: str, folder: Path, *, code: int = 0, after: str | None = None) -> Contender:
    script = f"{ECHO}; sys.exit({code})"
    return Contender(
        name=name,
        commands=[[sys.executable, "-c", script, str(folder / "order"), name]],
        cwd=folder,
        environment={},
        log=folder / f"{name}.txt",
        after=None if after is None else lambda: after,
    )


def test_contenders_alternate_round_by_round(tmp_path: Path) -> None:
    rows = alternate([contender("A", tmp_path), contender("B", tmp_path)], rounds=3)
    assert (tmp_path / "order").read_text() == "ABABAB"
    assert [len(row.samples) for row in rows.values()] == [3, 3]
    assert all(row.median is not None and row.median > 0 and not row.fault for row in rows.values())


def test_a_contender_that_fails_keeps_its_times_and_is_marked(tmp_path: Path) -> None:
    row = alternate([contender("A", tmp_path, code=3, after="no journal")], rounds=2)["A"]
    assert len(row.samples) == 2
    assert row.fault.startswith("exit 3")
    assert row.fault.endswith("(2 of 2 rounds)")


def test_a_complaint_after_the_run_marks_the_row(tmp_path: Path) -> None:
    row = alternate([contender("A", tmp_path, after="2 tests executed, 3 expected")], rounds=1)["A"]
    assert "2 tests executed, 3 expected" in row.fault


def test_commands_of_one_contender_run_at_the_same_time(tmp_path: Path) -> None:
    """Each of the two waits for the other's file: one after the other, they would never end."""
    wait = (
        "import os, sys, time\nopen(sys.argv[1], 'w').close()\nend = time.monotonic() + 20\n"
        "while not os.path.exists(sys.argv[2]):\n    time.sleep(0.005)\n    assert time.monotonic() < end\n"
    )
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    both = Contender(
        name="both",
        commands=[[sys.executable, "-c", wait, one, two], [sys.executable, "-c", wait, two, one]],
        cwd=tmp_path,
        environment={},
        log=tmp_path / "both.txt",
    )
    assert time_commands(both)[1] == [0, 0]


def test_a_second_measurement_in_the_same_place_waits_for_its_turn(tmp_path: Path) -> None:
    """The other process says that it waits, and gets its turn only when ours is over."""
    script = (
        "import sys; from pathlib import Path; from benchmarks.turn import take_turn\n"
        "with take_turn(Path(sys.argv[1]), lambda text: print(text, flush=True)): print('my turn')"
    )
    with take_turn(tmp_path, lambda _text: None):
        other = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline().startswith("waiting:")
        assert other.poll() is None
    with other:
        assert other.stdout.read() == "my turn\n"
