"""Runs in layers are told to the project's production log; nothing else changes by it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Run
from tests.integration.started_command import Command

ON = ("--python", sys.executable, "--progress-mode", "json")
CONSTANT = {"APEX_AUDIT_SHARE": "0", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.fixture
def command(tmp_path: Path, no_leftovers: list[Run]) -> Command:
    return Command(tmp_path, no_leftovers)


def project(root: Path) -> Path:
    """One test that imports a module from the directory in which the log's folder is made."""
    root.mkdir()
    (root / "lib.py").write_text("def one():\n    return 1\n")
    (root / "conftest.py").write_text("import lib\n")
    (root / "test_lib.py").write_text("import lib\n\ndef test_one():\n    assert lib.one() == 1\n")
    long_ago = time.time() - 60  # what was touched in the moment of a run is not believed
    for path in root.iterdir():
        os.utime(path, (long_ago, long_ago))
    return root


def lines(root: Path) -> list[dict[str, object]]:
    log = root / "logs" / "orchestration" / "MasterController_production.log"
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def test_a_run_in_layers_is_told_and_its_tests_are_proven_all_the_same(
    apex: Callable[..., Run], tmp_path: Path
) -> None:
    root = project(tmp_path / "project")
    constant = {**CONSTANT, "TMPDIR": str(tmp_path)}
    first = apex(root, ("--execution-mode", "fast_feedback"), (), environment=constant)
    assert first.exit_code == 0, first.stderr
    found = lines(root)
    assert [row["event"] for row in found][:2] == ["run.started", "run.planned"]
    assert found[-1]["event"] == "run.finished"
    assert found[-1]["executed"] == 1
    assert all(str(row["component"]).startswith("orchestration.") for row in found)
    again = apex(root, ("--execution-mode", "fast_feedback"), (), environment=constant)
    assert again.exit_code == 0, again.stderr
    assert b'"proven":1' in again.stdout, again.explain()


def test_the_old_way_of_running_writes_no_log(command: Command, tmp_path: Path) -> None:
    root = project(tmp_path / "project")
    assert command.run(root, *ON, "--category", "unit").exit_code == 0
    assert command.run(root, *ON, "--", "test_lib.py").exit_code == 0
    assert not (root / "logs").exists()


def test_a_log_that_cannot_be_written_changes_no_verdict(command: Command, tmp_path: Path) -> None:
    root = project(tmp_path / "project")
    (root / "logs").touch()
    run = command.run(root, *ON, "--execution-mode", "fast_feedback")
    assert run.exit_code == 0, run.stderr
    assert run.stderr.count("cannot be written") == 1
