"""The production log and the metrics: what stands there, and that trouble with them stays theirs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.facts import Stamped
from test_framework.model.outcome import ExitCode, Ledger, Outcome, Verdict
from test_framework.orchestration import production_monitoring
from test_framework.orchestration.production_monitoring import create_production_monitor, metrics
from test_framework.orchestration.run_log import RunLog

SCRIPT = Path(production_monitoring.__file__)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_line_names_component_level_and_event_and_the_folder_ignores_itself(tmp_path: Path) -> None:
    monitor = create_production_monitor(component_name="MasterController", log_dir=tmp_path / "logs")
    monitor.log("began", layer="fast", strange=Path("x"), word="\u2028é")
    monitor.log("broke", level="error", error=ValueError("no"))
    monitor.close()
    assert monitor.path == tmp_path / "logs" / "MasterController_production.log"
    first, second = rows(monitor.path)
    assert first["component"] == "orchestration.MasterController"
    assert (first["level"], first["event"], first["layer"], first["word"]) == (
        "info",
        "began",
        "fast",
        "\u2028é",
    )
    assert second["error"] == "ValueError: no"
    assert "Traceback" in second["traceback"] or "ValueError: no" in second["traceback"]
    assert (tmp_path / "logs" / ".gitignore").read_text() == "*\n"
    assert not [each for each in threading.enumerate() if each.name == monitor.component]


def test_after_a_close_lines_are_written_again(tmp_path: Path) -> None:
    monitor = create_production_monitor("A", tmp_path)
    for number in range(3):
        monitor.log("e", number=number)
        monitor.close()
    assert [row["number"] for row in rows(monitor.path)] == [0, 1, 2]


def test_a_full_log_gives_way_to_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(production_monitoring, "MOST_BYTES", 50)
    for number in range(8):
        monitor = create_production_monitor("A", tmp_path)
        monitor.log("e", number=number)
        monitor.close()
    kept = sorted(path.name for path in tmp_path.glob("A_production.log*"))
    assert len(kept) == production_monitoring.KEEP_FILES + 1
    assert rows(tmp_path / "A_production.log")[0]["number"] == 7
    assert rows(tmp_path / "A_production.log.1")[0]["number"] == 6


def test_a_log_that_cannot_be_written_is_said_once_and_harms_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monitor = create_production_monitor("A", tmp_path / "file" / "logs")
    for _ in range(3):
        monitor.log("e")
        monitor.close()
    assert capsys.readouterr().err.count("cannot be written") == 1
    assert "Not a directory" in monitor.broken


def test_what_waits_for_the_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(production_monitoring, "MOST_WAITING", 5)
    monitor = create_production_monitor("A", tmp_path)
    monkeypatch.setattr(monitor, "_start", lambda: None)  # a disk that does not answer
    for _ in range(9):
        monitor.log("e")
    assert monitor.dropped == 4


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a b"])
def test_a_component_s_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="component name"):
        create_production_monitor(name, tmp_path)


def finished(test: str, outcome: Outcome) -> f.TestFinished:
    return f.TestFinished(
        test=test,
        attempt=1,
        outcome=outcome,
        category="unit",
        layer="fast",
        worker="gw0",
        seconds=0.1,
        message="why",
    )


def test_a_run_is_told_without_its_passing_tests(tmp_path: Path) -> None:
    monitor = create_production_monitor("MasterController", tmp_path)
    log, state = RunLog(monitor), RunState(run="r1")
    facts = [
        f.LayerStarted(layer="fast", tests=3), finished("a", Outcome.PASSED), finished("b", Outcome.FAILED),
        finished("c", Outcome.LOST), f.ServiceUnhealthy(service="redis", reason="gone"),
        f.LayerFinished(layer="fast", status="failed", reason="1 failed"),
    ]  # fmt: skip
    for number, fact in enumerate(facts):
        state.apply(fact)
        log.handle(Stamped(number, "now", 0.0, "r1", fact), state)
    log.close(state, Verdict(ExitCode.FAILED, ("1 failed",), Ledger(3, 2, 0, 1)))
    found = rows(monitor.path)
    assert [row["event"] for row in found] == [
        "layer.started", "test.finished", "test.finished", "service.unhealthy", "layer.finished", "run.finished",
    ]  # fmt: skip
    assert {row["run"] for row in found} == {"r1"}
    assert [row["test"] for row in found if row["event"] == "test.finished"] == ["b", "c"]
    assert (found[-1]["exit_code"], found[-1]["owed"], found[-1]["level"]) == (1, 1, "error")


def project_with_a_run(root: Path) -> None:
    path = root / ".apex" / "runs" / "20261127-000000-aaaaaa"
    path.mkdir(parents=True)
    layer = {"layer": 'od"d\\', "status": "failed", "seconds": 1.5, "failed": 2, "owed": 1}
    result = {
        "run": path.name, "exit_code": 1, "verdict": "failed", "seconds": 2.5, "flaky": ["x"], "layers": [layer],
        "outcomes": {"passed": 3, "failed": 2}, "ledger": {"collected": 6, "executed": 5, "proven": 0, "owed": 1},
    }  # fmt: skip
    (path / "result.json").write_text(json.dumps(result))


SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="([^"\\\n]|\\.)*"\})? [-+0-9.e]+')


def test_metrics_are_in_the_text_format_and_true(tmp_path: Path) -> None:
    assert "apex_runs_running 0\n" in metrics(tmp_path)
    project_with_a_run(tmp_path)
    text = metrics(tmp_path)
    lines = text.splitlines()
    assert all(line.startswith("# ") or SAMPLE.fullmatch(line) for line in lines), text
    assert 'apex_last_run_tests{outcome="failed"} 2' in lines
    assert "apex_last_run_duration_seconds 2.5" in lines
    assert "apex_last_run_owed 1" in lines
    assert 'apex_last_run_layer_failed{layer="od\\"d\\\\"} 2' in lines
    named = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(named) == len(set(named))


def test_the_file_is_a_program(tmp_path: Path) -> None:
    project_with_a_run(tmp_path)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--metrics"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == metrics(tmp_path)
