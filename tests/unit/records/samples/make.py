"""Writes the sample of the newest schema: python tests/unit/records/samples/make.py

Rules: done once, in the change that adds a migration; samples of older schemas are never written again. A sample is
SQL text, so that a reviewer can read it.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from test_framework.model.outcome import Outcome
from test_framework.records.history import History
from test_framework.records.migrations import APPLICATION, NEWEST
from tests.unit.records.written_runs import Row, finished, write_run

STORY: tuple[tuple[list[Row], str], ...] = (
    (
        [
            ("tests/test_a.py::test_one", 1, Outcome.PASSED, 1.0),
            ("tests/test_a.py::test_two", 1, Outcome.FAILED),
        ],
        "t1",
    ),
    (
        [
            ("tests/test_a.py::test_one", 1, Outcome.FAILED, 2.0),
            ("tests/test_a.py::test_two", 1, Outcome.PASSED),
        ],
        "t1",
    ),
    (
        [
            finished("tests/test_a.py::test_one", 1, Outcome.PASSED, 4.0, peak_memory_bytes=4096),
            finished(
                "tests/test_\udc80.py::test_odd",
                1,
                Outcome.FAILED,
                message="ValueError: 0x7f at /tmp/x/y.txt",
            ),
            finished("tests/test_\udc80.py::test_odd", 2, Outcome.PASSED, flags=("order_dependent",)),
        ],
        "t2",
    ),
)


def write_story(base: Path) -> None:
    for number, (rows, tree) in enumerate(STORY, 1):
        write_run(base, number, rows, tree)


def main() -> None:
    target = Path(__file__).with_name(f"history-v{NEWEST}.sql")
    with tempfile.TemporaryDirectory() as folder:
        write_story(Path(folder))
        history = History(Path(folder))
        history.catch_up()
        history.close()
        with closing(sqlite3.connect(history.path)) as database:
            pragmas = f"PRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {NEWEST};\n"
            target.write_text(pragmas + "\n".join(database.iterdump()) + "\n", encoding="utf-8")
    print(f"written: {target}")


if __name__ == "__main__":
    main()
