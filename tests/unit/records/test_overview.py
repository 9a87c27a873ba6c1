"""What the runs' directories tell at a glance, also when they are torn, damaged or still being written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.model.wire import encode
from test_framework.records.overview import overview
from test_framework.records.places import run_directories, state_home
from test_framework.records.runs import RunDirectory

STARTED = f.RunStarted(
    apex_version="1", project_root="/p", mode="nightly", environment="test", interpreter="python"
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def finished(
    test: str, outcome: Outcome = Outcome.PASSED, seconds: float = 1.0, category: str = "unit"
) -> f.Fact:
    return f.TestFinished(
        test=test, attempt=1, outcome=outcome, category=category, layer="fast", worker="gw0", seconds=seconds
    )


def ended_run() -> f.RunFinished:
    return f.RunFinished(
        exit_code=0, reasons=(), seconds=1.0, collected=1, executed=1, proven=0, owed=0, outcomes={}
    )


def record(project: Path, run: str, *facts: f.Fact, result: dict[str, Any] | None = None) -> Path:
    """A run that is over."""
    path = project / ".apex" / "runs" / run
    path.mkdir(parents=True)
    lines = [encode(i, "2026-01-01T00:00:00Z", 0.0, run, fact) for i, fact in enumerate((STARTED, *facts))]
    (path / "facts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (path / "lock").write_text("1\n")
    if result is not None:
        (path / "result.json").write_text(json.dumps(result))
    return path


def result_of(run: str, **layers: str) -> dict[str, Any]:
    rows = [
        {"layer": name, "status": status, "reason": "", "tests": 2, "done": 2, "failed": 0, "seconds": 1.0}
        for name, status in layers.items()
    ]
    return {"run": run, "exit_code": 0, "layers": rows, "started_at": "then"}


def test_without_a_run_there_is_nothing_to_say(tmp_path: Path) -> None:
    found = overview(tmp_path, ["fast"])
    assert found == {"running": [], "lost": [], "last": None, "layers": {"fast": None}, "trees": []}


def test_a_live_run_is_told_from_one_that_was_killed(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, "20260101-000000-aaaaaa")
    path = directory.path / "facts.jsonl"
    planned = f.RunPlanned(collected=5, deselected=0, planned=5, collection_seconds=0.1)
    facts = [STARTED, planned, finished("a"), finished("b")]
    path.write_bytes(
        b"\n".join(encode(i, "then", 0.0, "r", fact) for i, fact in enumerate(facts)) + b'\n{"torn'
    )
    seen = overview(tmp_path, [])
    assert [(run["mode"], run["planned"], run["finished"]) for run in seen["running"]] == [("nightly", 5, 2)]
    assert seen["lost"] == []
    directory.close()
    seen = overview(tmp_path, [])
    assert seen["running"] == []
    assert seen["lost"] == [{"run": "20260101-000000-aaaaaa"}]


def test_a_run_that_has_just_begun_is_collecting(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, "r1")
    assert overview(tmp_path, [])["running"][0]["planned"] is None
    directory.close()


def test_each_layer_has_its_newest_verdict(tmp_path: Path) -> None:
    record(tmp_path, "r1", ended_run(), result=result_of("r1", fast="passed", slow="failed"))
    record(tmp_path, "r2", ended_run(), result=result_of("r2", fast="failed"))
    seen = overview(tmp_path, ["fast", "slow", "never"])
    assert seen["last"]["run"] == "r2"
    verdicts = {
        name: verdict and (verdict["run"], verdict["status"]) for name, verdict in seen["layers"].items()
    }
    assert verdicts == {"fast": ("r2", "failed"), "slow": ("r1", "failed"), "never": None}


@pytest.mark.parametrize("damage", [None, b"", b"{", b"[]", b'{"exit_code": "no"}'])
def test_where_the_result_is_missing_or_damaged_the_facts_say_how_it_ended(
    tmp_path: Path, damage: bytes | None
) -> None:
    path = record(tmp_path, "r1", ended_run())
    if damage is not None:
        (path / "result.json").write_bytes(damage)
    seen = overview(tmp_path, [])
    assert seen["last"]["exit_code"] == 0
    assert seen["lost"] == []


def test_a_directory_without_facts_is_a_lost_run_and_no_error(tmp_path: Path) -> None:
    (tmp_path / ".apex" / "runs" / "r1").mkdir(parents=True)
    (tmp_path / ".apex" / "runs" / "not an id").mkdir()
    assert overview(tmp_path, [])["lost"] == [{"run": "r1"}]


def test_runs_of_a_project_that_cannot_be_written_to_are_found_too(tmp_path: Path) -> None:
    project = tmp_path / "project"
    record(project, "r1", ended_run())
    shutil.move(project / ".apex", state_home(project))
    assert [path.name for path in run_directories(project)] == ["r1"]
    assert overview(project, [])["last"] is not None
