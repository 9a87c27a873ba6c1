"""Batches of planted faults that are kept and continued."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import soak
from benchmarks.mutations import Tally
from benchmarks.soak import all_of, keep, kept, summed, tried


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "results" / "soak.jsonl"
    monkeypatch.setattr(soak, "RESULTS", file)
    return file


def test_a_batch_is_one_line_and_the_next_begins_where_it_ended(results: Path) -> None:
    assert tried(kept(results), "click") == 0
    keep(Tally("click", tests=9, provable=8, mutants=20, run=7, biting=3, failures=5), 0, "3.13")
    keep(Tally("click", tests=9, provable=8, mutants=20, run=6, biting=2, misses=["x"]), 20, "3.13")
    batches = kept(results)
    assert [json.loads(line)["first"] for line in results.read_text().splitlines()] == [0, 20]
    assert tried(batches, "click") == 40
    assert tried(batches, "attrs") == 0
    assert batches[0]["code"] == soak.deciding_code()


def test_batches_add_up_and_no_miss_is_lost(results: Path) -> None:
    keep(Tally("click", tests=9, provable=8, mutants=20, biting=3, asked=180, spared=90), 0, "3.13")
    keep(Tally("click", tests=9, provable=8, mutants=20, biting=2, misses=["x"]), 20, "3.13")
    keep(Tally("attrs", tests=5, provable=4, mutants=20, biting=1), 0, "3.13")
    click, attrs = summed(kept(results))
    assert (click.tests, click.mutants, click.biting, click.spared, click.misses) == (9, 40, 5, 90, ["x"])
    whole = all_of([click, attrs])
    assert (whole.tests, whole.mutants, whole.biting, whole.misses) == (14, 60, 6, ["x"])
