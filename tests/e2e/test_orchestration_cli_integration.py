"""The whole command as a user types it, and the old runner's functions as its importers call them.

Runs as a script too: `python tests/e2e/test_orchestration_cli_integration.py [pytest's options]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [] if str(REPOSITORY) in sys.path else [str(REPOSITORY)]

from scripts.unified_test_runner import (  # noqa: E402 - a script has to find the repository first
    execute_orchestration_mode,
    should_use_orchestration,
)
from tests.orchestrated import FAILING, PASSING, nothing_left, project  # noqa: E402

pytestmark = pytest.mark.e2e

LAYERED = {
    "tests/smoke/test_smoke.py": PASSING,
    "tests/unit/test_unit.py": PASSING,
    "tests/api/test_api.py": PASSING,
    "tests/e2e_critical/test_journey.py": PASSING,
}
PLUGIN = """
from enum import Enum

from test_framework.orchestration import MasterOrchestrationController, OrchestrationAgentInterface


class Release(OrchestrationAgentInterface):
    async def _execute_release(self, execution_args):
        return await self.controller.execute_orchestration({**execution_args, "execution_mode": "nightly"})


class Own(MasterOrchestrationController):
    async def _execute_custom_mode(self, execution_args):
        await self.execute_orchestration({"categories": ["smoke"]})


def broken():
    raise RuntimeError("no licence")
"""


def command(
    directory: Path, *argv: str, runner: Path = REPOSITORY / "unified_test_runner.py"
) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("APEX_", "PYTEST_"))
    }
    return subprocess.run(
        [sys.executable, str(runner), "--project-root", str(directory), "--python", sys.executable, *argv],
        cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def ran(done: subprocess.CompletedProcess[str]) -> list[str]:
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    return [fact["category"] for fact in facts if fact["type"] == "test.finished"]


# -- modes and layers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runner", ["unified_test_runner.py", "scripts/unified_test_runner.py"])
def test_fast_feedback_runs_smoke_and_unit(tmp_path: Path, runner: str) -> None:
    argv = ("--execution-mode", "fast_feedback", "--progress-mode", "json")
    done = command(project(tmp_path, LAYERED), *argv, runner=REPOSITORY / runner)
    assert (done.returncode, sorted(ran(done))) == (0, ["smoke", "unit"]), done.stderr


def test_nightly_runs_every_foreground_layer(tmp_path: Path) -> None:
    done = command(project(tmp_path, LAYERED), "--execution-mode", "nightly", "--progress-mode", "json")
    assert (done.returncode, sorted(ran(done))) == (0, ["api", "e2e_critical", "smoke", "unit"]), done.stderr


def test_help_names_the_system(tmp_path: Path) -> None:
    done = command(tmp_path, "--help")
    assert done.returncode == 0
    assert "Master Orchestration System" in done.stdout


def test_an_unknown_mode_is_one_error_that_names_the_nearest(tmp_path: Path) -> None:
    done = command(project(tmp_path), "--execution-mode", "nightyl")
    assert done.returncode == 4
    assert "unknown execution mode 'nightyl'; did you mean nightly?" in done.stderr
    assert "Traceback" not in done.stderr


# -- what a project adds -----------------------------------------------------------------------------------------


def extended(directory: Path, *plugins: str) -> Path:
    files = {**LAYERED, "apex_additions.py": PLUGIN, "apex.yaml": f"plugins: {json.dumps(plugins)}\n"}
    return project(directory, files)


def test_a_mode_of_a_plugged_in_agent_is_offered_by_the_command(tmp_path: Path) -> None:
    place = extended(tmp_path, "apex_additions:Release")
    done = command(place, "--execution-mode", "release", "--progress-mode", "json")
    assert (done.returncode, len(ran(done))) == (0, 4), done.stderr


def test_a_mode_of_a_plugged_in_controller_is_offered_by_the_command(tmp_path: Path) -> None:
    place = extended(tmp_path, "apex_additions:Own")
    done = command(place, "--execution-mode", "custom_mode", "--progress-mode", "json")
    assert (done.returncode, ran(done)) == (0, ["smoke"]), done.stderr


@pytest.mark.parametrize(
    "argv", [("--execution-mode", "custom_mode"), ("--category", "smoke")], ids=["mode", "run"]
)
def test_a_broken_plug_in_is_one_error_that_names_it(tmp_path: Path, argv: tuple[str, str]) -> None:
    done = command(extended(tmp_path, "apex_additions:broken"), *argv)
    assert done.returncode == 4
    first, *_ = done.stderr.splitlines()
    assert first == "apex: error: plug-in apex_additions:broken cannot be loaded: RuntimeError: no licence"
    assert "Traceback" not in done.stderr


# -- the old runner's functions ----------------------------------------------------------------------------------


def test_should_use_orchestration_tells_layered_from_legacy_arguments() -> None:
    assert should_use_orchestration(Namespace(execution_mode="nightly"))
    assert should_use_orchestration(Namespace(use_layers=False, layers=["fast_feedback"]))
    assert not should_use_orchestration(Namespace(category="unit", execution_mode=None, layers=None))
    assert not should_use_orchestration(Namespace())


def test_execute_orchestration_mode_runs_what_a_namespace_asks_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = project(tmp_path, {"tests/unit/test_unit.py": FAILING})
    args = Namespace(execution_mode="fast_feedback", project_root=str(place), python=sys.executable)
    with nothing_left():
        assert asyncio.run(execute_orchestration_mode(args)) == 1
    assert "FAILED tests/unit/test_unit.py::test_bad" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (Namespace(execution_mode="nightyl"), "did you mean nightly?"),
        (Namespace(execution_mode="nightly", list_categories=True), "list_categories: no execution"),
    ],
)
def test_execute_orchestration_mode_says_what_it_cannot_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: Namespace, word: str
) -> None:
    args.project_root = str(project(tmp_path))
    assert asyncio.run(execute_orchestration_mode(args)) == 4
    assert word in capsys.readouterr().err


# -- without the orchestration -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def maimed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that has lost its orchestration."""
    place = tmp_path_factory.mktemp("maimed")
    ignore = shutil.ignore_patterns("orchestration", "__pycache__")
    shutil.copytree(REPOSITORY / "test_framework", place / "test_framework", ignore=ignore)
    (place / "scripts").mkdir()
    for name in ("scripts/unified_test_runner.py", "unified_test_runner.py"):
        shutil.copy(REPOSITORY / name, place / name)
    return place


@pytest.mark.parametrize(
    ("argv", "code", "counts"),
    [
        (("--category", "smoke"), 0, "1 passed"),
        (("--categories", "smoke", "api"), 0, "2 passed"),
        (("--category", "unit"), 1, "1 failed, 1 passed"),
        (("--category", "unit", "-k", "well"), 0, "1 passed, 1 deselected"),
        (("--", "tests/e2e_critical"), 0, "1 passed"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, tuple) else "",
)
def test_legacy_runs_still_work_and_say_so(
    tmp_path: Path, maimed: Path, argv: tuple[str, ...], code: int, counts: str
) -> None:
    files = {**LAYERED, "tests/unit/test_unit.py": PASSING + FAILING}
    done = command(project(tmp_path, files), *argv, runner=maimed / "unified_test_runner.py")
    assert done.returncode == code, done.stdout + done.stderr
    assert f" {counts} in " in done.stdout
    assert "the orchestration cannot be imported" in done.stderr


def test_layers_without_the_orchestration_are_refused_by_name(tmp_path: Path, maimed: Path) -> None:
    argv = ("--execution-mode", "fast_feedback")
    done = command(project(tmp_path), *argv, runner=maimed / "unified_test_runner.py")
    assert done.returncode == 3
    assert "layers and modes need the orchestration, which cannot be imported" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_script_s_importers_see_that_it_is_not_available(maimed: Path) -> None:
    ask = (
        "from argparse import Namespace; from scripts.unified_test_runner import *; "
        "from scripts.unified_test_runner import MASTER_ORCHESTRATION_AVAILABLE as a, should_use_orchestration as s; "
        "print(a, s(Namespace(execution_mode='nightly')))"
    )
    done = subprocess.run([sys.executable, "-c", ask], cwd=maimed, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
