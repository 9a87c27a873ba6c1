"""Answers without a run, from `main` to the last line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from test_framework.cli.category_stats import statistics, statistics_lines
from test_framework.cli.main import main
from test_framework.cli.status import status, status_lines
from test_framework.model.outcome import Outcome
from test_framework.records.runs import RunDirectory
from tests.unit.records.written_runs import finished, write_run

BROKEN = "layers: {quick: {categories: [{name: unit}], priorty: 1}}\n"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def asked(capsys: pytest.CaptureFixture[str], root: Path, *argv: str) -> tuple[int, str, str]:
    code = main(["--project-root", str(root), *argv])
    said = capsys.readouterr()
    return code, said.out, said.err


def running_now(text: str) -> str:
    return text.split("Running now")[1].split("Last verdicts", maxsplit=1)[0]


def test_several_answers_come_in_a_fixed_order(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, text, _ = asked(capsys, tmp_path, "--show-layers", "--list-categories")
    assert code == 0
    assert 0 <= text.index("AVAILABLE TEST CATEGORIES") < text.index("AVAILABLE TEST LAYERS")


@pytest.mark.parametrize(
    "flag", ["--list-categories", "--show-layers", "--show-category-stats", "--orchestration-status"]
)
def test_in_json_mode_each_answer_is_one_object_on_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, flag: str
) -> None:
    code, text, _ = asked(capsys, tmp_path, flag, "--progress-mode", "json")
    assert code == 0
    (line,) = text.splitlines()
    assert isinstance(json.loads(line), dict)


def test_the_status_is_true_of_a_project_with_a_broken_configuration(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "apex.yaml").write_text(BROKEN)
    code, text, error = asked(capsys, tmp_path, "--list-categories")
    assert (code, text) == (4, "")
    assert "priority" in error
    code, text, _ = asked(capsys, tmp_path, "--orchestration-status", "--progress-mode", "json")
    assert code == 0
    assert "priorty" in json.loads(text)["degraded"][0]
    assert asked(capsys, tmp_path, "--validate")[0] == 4


def test_the_status_shows_a_run_that_goes_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, "r1")
    assert (
        "r1"
        in asked(capsys, tmp_path, "--orchestration-status")[1]
        .split("Running now")[1]
        .split("Last verdicts")[0]
    )
    directory.close()
    _, text, _ = asked(capsys, tmp_path, "--orchestration-status")
    assert "nothing" in text.split("Running now")[1].split("Last verdicts")[0]
    assert "1 run ended without a verdict, last r1" in text


def test_the_status_counts_what_is_owed_and_names_what_is_degraded(tmp_path: Path) -> None:
    path = tmp_path / ".apex" / "runs" / "r1"
    path.mkdir(parents=True)
    layer = {
        "layer": "fast",
        "status": "failed",
        "reason": "rate",
        "tests": 3,
        "done": 2,
        "failed": 1,
        "seconds": 1,
    }
    result = {
        "run": "r1", "mode": "nightly", "exit_code": 1, "verdict": "failed", "started_at": "then", "seconds": 1.5,
        "ledger": {}, "owed": {"not chosen": 3, "stopped": 1}, "alerts": ["slow\x1b"],
        "broken_sinks": {"junit": "full"},
        "layers": [layer],
    }  # fmt: skip
    (path / "result.json").write_text(json.dumps(result))
    found = status(tmp_path, "test", ["fast", "slow"], ["old"])
    assert found["layers"]["slow"] is None
    assert found["degraded"] == ["old", "last run: slow\x1b", "last run: junit: full"]
    text = "\n".join(status_lines(found))
    assert "Owed after the last run: 4" in text
    assert "failed (rate), 2 of 3 tests, 1 failed, r1" in text
    assert "never run here" in text
    assert "\x1b" not in text


def test_statistics_come_from_the_history_each_test_once(tmp_path: Path) -> None:
    base = tmp_path / ".apex"
    long = finished("d", 1, Outcome.PASSED, 9.0, category="api")
    write_run(base, 1, [finished("a", 1, Outcome.FAILED, 1.0), finished("b", 1, Outcome.TIMED_OUT, 2.0)])
    write_run(base, 2, [finished("a", 1, Outcome.PASSED, 1.0), long])
    configured = {
        "unit": {"success_rate_threshold": 0.6},
        "api": {},
        "smoke": {"estimated_duration_minutes": 2},
    }
    rows = statistics(tmp_path / ".apex", configured)
    assert [*rows] == ["api", "unit", "smoke"]
    unit = rows["unit"]
    assert (unit["tests"], unit["passed"], unit["failed"], unit["slowest"]) == (2, 1, 1, "b")
    text = statistics_lines(rows)
    assert text[-1] == "never seen here: smoke (about 2 min)"
    assert text[-2] == "unit: 50.0% passed, below its success_rate_threshold of 60.0%"
    assert not rows["api"]["below_threshold"]
    assert any(line.startswith("unit") and line.endswith("b") for line in text)


def test_without_a_history_there_are_no_statistics(tmp_path: Path) -> None:
    assert "no test has run here yet" in statistics_lines(statistics(tmp_path / ".apex", {"unit": {}}))
