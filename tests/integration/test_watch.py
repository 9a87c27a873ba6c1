"""Watching a project in a real terminal: saved files are run again, and Ctrl-C ends it with the last verdict."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import RUNNER, Run, clean_environment
from tests.integration.started_command import Command, Started, write

pytestmark = pytest.mark.integration
pytest.importorskip("watchfiles", reason="watchfiles is not installed (netra-apex[watch]): NOT EXERCISED")

LIBRARY = "def value():\n    return {}\n"
TESTS = "import library\n\ndef test_value(): assert library.value() == 1\n"
OTHER = "def test_other(): pass\n"
SLOW = """
import pathlib, time

def test_slow():
    pathlib.Path("slow_runs").touch()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.01)
"""
IDLE = "(Ctrl-C ends)"


@pytest.fixture
def command(tmp_path: Path, no_leftovers: list[Run]) -> Command:
    return Command(tmp_path, no_leftovers)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = write(tmp_path / "project", library=LIBRARY.format(1), test_a=TESTS, test_b=OTHER)
    (project / "pytest.ini").touch()
    return project


class Watching:
    """An `apex watch` on a terminal of its own."""

    def __init__(self, command: Command, project: Path, *arguments: str) -> None:
        self.outer, inner = pty.openpty()
        environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "APEX_AUDIT_SHARE": "0"}
        self.started: Started = command.start(
            project, "watch", "--progress-mode", "simple", *arguments, terminal=inner, environment=environment
        )
        os.close(inner)

    def said(self, text: str, times: int = 1) -> None:
        """Wait until it has said that so often."""
        self.started.wait_until(lambda: self.started.stderr().count(text) >= times, f"{text!r} {times} times")

    def runs(self) -> list[list[str]]:
        """The outcomes of each run that has ended, oldest first."""
        runs: dict[str, list[str]] = {}
        ended: list[str] = []
        for fact in sorted(self.started.facts(), key=lambda fact: str(fact["ts"])):
            outcomes = runs.setdefault(fact["run"], [])
            if fact["type"] in ("test.finished", "cache.hit"):
                outcomes.append(
                    f"{fact['test'].split('::')[1]} {fact['type'].split('.')[1]} {fact['outcome']}"
                )
            elif fact["type"] == "run.finished":
                ended.append(fact["run"])
        return [runs[run] for run in ended]

    def type_ctrl_c(self) -> Run:
        os.write(self.outer, b"\x03")
        try:
            while os.read(self.outer, 1 << 16):
                pass
        except OSError:
            pass  # nobody holds the terminal any more
        os.close(self.outer)
        return self.started.finish()


def test_a_saved_file_runs_what_it_reaches_and_ctrl_c_ends_with_the_last_verdict(
    command: Command, project: Path
) -> None:
    watching = Watching(command, project)
    watching.said(IDLE)
    (project / "library.py").write_text(LIBRARY.format("1 + 1"))
    watching.said(IDLE, 2)
    watching.said("saved: library.py")
    assert len(watching.runs()) == 2
    assert "test_value finished failed" in watching.runs()[1]
    (project / "library.py").write_text(LIBRARY.format("2 - 1"))
    watching.said(IDLE, 3)
    assert "test_value finished passed" in watching.runs()[2]
    (project / "test_b.py").write_text("def test_other(): assert 0\n")
    watching.said(IDLE, 4)
    assert {"test_other finished failed"} <= set(watching.runs()[3])
    assert watching.type_ctrl_c().exit_code == 1


def test_a_source_that_is_saved_meanwhile_ends_the_run_and_begins_the_next(
    command: Command, project: Path
) -> None:
    (project / "test_b.py").write_text(SLOW)
    watching = Watching(command, project)
    watching.started.wait_for_file(project / "slow_runs")
    (project / "test_b.py").write_text(OTHER)
    watching.said("saved: ")
    watching.said(IDLE)
    last = watching.runs()[-1]
    assert any(outcome.startswith("test_other") and outcome.endswith("passed") for outcome in last)
    assert watching.type_ctrl_c().exit_code == 0


def test_ctrl_c_while_tests_run_is_gentle(command: Command, project: Path) -> None:
    (project / "test_b.py").write_text(SLOW)
    watching = Watching(command, project)
    watching.started.wait_for_file(project / "slow_runs")
    run = watching.type_ctrl_c()
    assert run.exit_code == 2
    assert run.of("run.finished")[0]["exit_code"] == 2


def test_what_makes_no_sense_is_refused_at_once(project: Path) -> None:
    for flag, words in (("--pdb", "contradict"), ("--categry", "did you mean --category?")):
        done = subprocess.run(
            [sys.executable, str(RUNNER), "watch", flag],
            cwd=project, capture_output=True, text=True, env=clean_environment(), check=False,
        )  # fmt: skip
        assert (done.returncode, words in done.stderr, done.stdout) == (4, True, "")
