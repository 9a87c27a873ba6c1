"""Runs in the background: started at once, seen and followed from other processes, ended, never lost in silence."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Run
from tests.integration.started_command import WAIT_SECONDS, Command

ON = ("--python", sys.executable)
GATE = """
import os, pathlib, time

def test_begins():
    pathlib.Path("begun").touch()

def test_waits_for_the_gate():
    while not os.path.exists("open"):
        time.sleep(0.01)
"""


class Project:
    """A project with a background layer whose second test waits for a file."""

    def __init__(self, root: Path, command: Command) -> None:
        self.root = root
        self._command = command
        (root / "tests" / "e2e").mkdir(parents=True)
        (root / "tests" / "unit").mkdir()
        (root / "tests" / "e2e" / "test_long.py").write_text(GATE)
        (root / "tests" / "unit" / "test_short.py").write_text("def test_short(): pass\n")

    def apex(self, *argv: str) -> Run:
        return self._command.run(self.root, *ON, *argv)

    def start(self, *argv: str) -> str:
        run = self.apex("--background-e2e", "--progress-mode", "json", *argv)
        assert run.exit_code == 0, run.stderr
        answer: dict[str, Any] = json.loads(run.stdout)
        assert answer["state"] == "running"
        return str(answer["run"])

    def rows(self, *argv: str) -> list[dict[str, Any]]:
        answer = self.apex(*(argv or ("--background-status",)), "--progress-mode", "json")
        rows: list[dict[str, Any]] = json.loads(answer.stdout)["background"]
        return rows

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        until = time.monotonic() + WAIT_SECONDS
        while not (found := condition()):
            assert time.monotonic() < until, f"it never came that {what}"
            time.sleep(0.02)
        return found

    def wait_begun(self) -> None:
        self.wait((self.root / "begun").exists, "its first test ran")

    def open_gate(self) -> None:
        (self.root / "open").touch()

    def wait_state(self, state: str) -> dict[str, Any]:
        row: dict[str, Any] = self.wait(
            lambda: next((row for row in self.rows() if row["state"] == state), None), f"it is {state}"
        )
        return row

    def facts(self, run: str) -> bytes:
        return (self.root / ".apex" / "runs" / run / "facts.jsonl").read_bytes()


@pytest.fixture
def project(tmp_path: Path, no_leftovers: list[Run]) -> Project:
    return Project(tmp_path / "project", Command(tmp_path, no_leftovers))


def test_it_is_started_seen_and_followed_from_other_processes(project: Project) -> None:
    run = project.start()
    project.wait_begun()
    (row,) = project.rows()
    assert (row["run"], row["state"], row["layers"]) == (run, "running", ["e2e_background"])
    session = Path(f"/proc/{row['pid']}/stat").read_text().rpartition(")")[2].split()
    assert int(session[3]) == row["pid"], "the host has a session of its own"
    assert int(session[4]) == 0, "and no terminal"
    text = project.apex("--background-status").stdout.decode()
    assert f"{run}  running   e2e_background: 1 of 2 tests" in text
    project.open_gate()
    followed = project.apex("--attach", run)
    assert followed.exit_code == 0, followed.stderr
    assert b"2 passed" in followed.stdout
    (ended,) = project.rows("--background-results", "5")
    assert (ended["state"], ended["verdict"], ended["outcomes"]) == ("finished", "ok", {"passed": 2})
    assert "2 passed; 1 owed" in project.apex("--background-results", "1").stdout.decode()


def test_who_follows_as_json_gets_the_same_bytes(project: Project) -> None:
    run = project.start()
    project.open_gate()
    followed = project.apex("--attach", run, "--progress-mode", "json")
    assert followed.stdout == project.facts(run)


def test_one_that_is_ended_stops_gently_and_only_once(project: Project) -> None:
    run = project.start("--grace", "1")
    project.wait_begun()
    assert f"{run} was stopped" in project.apex("--kill-background", run).stdout.decode()
    row = project.wait_state("finished")
    assert row["exit_code"] == 2
    again = project.apex("--kill-background", run)
    assert (again.exit_code, f"{run} has ended already" in again.stdout.decode()) == (0, True)
    unknown = project.apex("--kill-background", "20200101-000000-abcdef")
    assert unknown.exit_code == 4
    assert f"known: {run}" in unknown.stderr


def test_one_whose_host_is_killed_is_lost_and_leaves_nothing(project: Project) -> None:
    run = project.start()
    project.wait_begun()
    os.kill(project.rows()[0]["pid"], signal.SIGKILL)
    row = project.wait_state("lost")
    assert row["run"] == run
    assert "its host died without a verdict" in project.apex("--background-status").stdout.decode()
    assert "is lost" in project.apex("--kill-background", run).stdout.decode()
    assert project.apex("--attach", run).exit_code == 14
    assert "1 run ended without a verdict" in project.apex("--orchestration-status").stdout.decode()


def test_a_failure_in_the_background_is_told_with_its_exit_code(project: Project) -> None:
    (project.root / "tests" / "e2e" / "test_long.py").write_text("def test_wrong(): assert 0\n")
    run = project.start()
    assert project.apex("--attach", run).exit_code == 1
    assert project.rows()[0]["exit_code"] == 1


def test_hybrid_runs_the_other_layers_here_and_now(project: Project) -> None:
    run = project.apex("--execution-mode", "hybrid", "--fail-fast-mode", "disabled")
    assert "e2e_background runs in the background as" in run.stderr
    assert "in spite of its conflicts" in run.stderr
    assert b"tests/unit/test_short.py::test_short" in run.stdout or b"1 passed" in run.stdout
    assert project.rows()[0]["state"] == "running", "this command did not wait for it"
    project.open_gate()
    assert project.wait_state("finished")["verdict"] == "ok"


def test_what_cannot_begin_is_told_at_once(project: Project) -> None:
    (project.root / "apex.yaml").write_text(
        "execution_config: {background_execution: {enabled: false}}\n", encoding="utf-8"
    )
    refused = project.apex("--background-e2e")
    assert (refused.exit_code, "switched off" in refused.stderr) == (4, True)
    (project.root / "apex.yaml").write_text("layers: {}\n", encoding="utf-8")
    assert project.apex("--execution-mode", "background").exit_code == 4
    assert project.rows() == []


def test_a_host_that_ends_before_it_has_begun_is_told_by_its_own_words(project: Project) -> None:
    refused = project.apex("--background-e2e", "--python", str(project.root / "none"))
    assert (refused.exit_code, "none" in refused.stderr) == (4, True)
    assert project.rows() == []
