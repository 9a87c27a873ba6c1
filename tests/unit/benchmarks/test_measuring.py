"""What is read from the system and from journals, and how pages look."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.cost import generate_project
from benchmarks.full import work_done
from benchmarks.machine import busy_share
from benchmarks.page import Page, render_table
from benchmarks.processes import consume, own_seconds
from benchmarks.suites import BenchmarkError, load_suites


def journal(apex: Path, run: str, *facts: dict[str, object]) -> None:
    folder = apex / "runs" / run
    folder.mkdir(parents=True)
    (folder / "facts.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in facts))


def test_a_run_that_executed_every_test_has_done_its_work(tmp_path: Path) -> None:
    journal(tmp_path, "one", {"type": "run.started"}, {"type": "run.finished", "executed": 3})
    assert work_done(tmp_path, 3) == ""
    assert work_done(tmp_path, 4) == "3 tests executed, 4 expected"


def test_a_run_without_an_end_or_without_a_journal_has_not(tmp_path: Path) -> None:
    assert work_done(tmp_path, 3) == "no journal"
    journal(tmp_path, "one", {"type": "run.started"})
    assert "does not end" in work_done(tmp_path, 3)


def test_own_time_is_counted_without_the_children(tmp_path: Path) -> None:
    """The child burns half a second; its parent only waits for it."""
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True)"
    parent = consume([sys.executable, "-c", script], tmp_path, dict(os.environ), tmp_path / "log")
    itself = consume([sys.executable, "-c", burn], tmp_path, dict(os.environ), tmp_path / "log")
    assert parent.exit_code == itself.exit_code == 0
    assert itself.processor_seconds >= 0.45
    assert parent.processor_seconds < 0.4
    assert itself.peak_bytes > 1_000_000


def test_the_name_of_a_process_cannot_shift_the_fields() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    stat = f"1 (odd ) name) S 1 1 1 0 -1 0 0 0 0 0 {ticks} {2 * ticks} 7 7 20 0"
    assert own_seconds(stat) == pytest.approx(3.0)


def test_stolen_and_busy_time_is_taken_and_idle_time_is_not() -> None:
    assert busy_share([0] * 8, [10, 0, 5, 70, 10, 0, 0, 5]) == pytest.approx(0.2)
    assert busy_share([0] * 8, [0] * 8) == 0.0


def test_a_table_has_straight_columns_and_refuses_ragged_rows() -> None:
    assert render_table(("suite", "s"), [("attrs", "1.00")]) == [
        "| suite | s    |",
        "|-------|------|",
        "| attrs | 1.00 |",
    ]
    with pytest.raises(ValueError, match="row of 1 cells"):
        render_table(("suite", "s"), [("attrs",)])


def test_what_is_shown_is_what_is_saved(tmp_path: Path) -> None:
    shown = io.StringIO()
    page = Page(shown)
    page.line("# Title")
    page.table(("a",), [("1",)])
    page.save(tmp_path / "deep" / "page.md")
    assert (tmp_path / "deep" / "page.md").read_text().strip() == shown.getvalue().strip()


def test_a_generated_project_has_exactly_the_tests_it_should(tmp_path: Path) -> None:
    project = generate_project(tmp_path / "project", 250)
    texts = [path.read_text() for path in sorted((project / "tests").iterdir())]
    assert [text.count("def test_") for text in texts] == [100, 100, 50]


def test_an_unknown_suite_is_refused_by_name() -> None:
    assert [suite.name for suite in load_suites(["click"])] == ["click"]
    with pytest.raises(BenchmarkError, match="unknown suite 'klick'"):
        load_suites(["klick"])


def test_every_suite_is_pinned_by_digest_and_by_hashes() -> None:
    for suite in load_suites():
        assert len(suite.sha256) == 64
        pinned = suite.pins.read_text()
        assert "pytest==8.4" in pinned
        assert "pytest-xdist==" in pinned
        assert pinned.count("==") <= pinned.count("--hash=sha256:")
