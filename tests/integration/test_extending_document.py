"""What docs/EXTENDING.md shows is run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from test_framework.orchestration.extensions import GROUPS
from tests.orchestrated import PASSING, project

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = (REPOSITORY / "docs" / "EXTENDING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
FILES = {
    body.split("\n", 1)[0].removeprefix("# file: "): body for _, body in BLOCKS if body.startswith("# file: ")
}
COMMANDS = [line for kind, body in BLOCKS if kind == "bash" for line in body.splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    tests = {
        "tests/smoke/test_smoke.py": PASSING,
        "tests/unit/test_unit.py": PASSING,
        "tests/custom_category/test_custom.py": PASSING,
    }
    return project(tmp_path, tests)


def python(place: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *argv], cwd=place, capture_output=True, text=True, timeout=90, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), "HOME": str(place)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def write(place: Path, *names: str) -> None:
    for name in names:
        (place / name).write_text(FILES[name], encoding="utf-8")


def test_the_document_holds_the_files_and_commands_that_are_run_here() -> None:
    assert list(FILES) == ["host.py", "apex.yaml", "apex_additions.py", "own_controller.py"]
    assert COMMANDS == ["apex --layers custom_layer", "apex --execution-mode custom_mode"]


def test_the_embedding_host(place: Path) -> None:
    write(place, "host.py")
    assert python(place, "host.py", str(place)).stdout.splitlines() == [
        "thread-1 layer.started fast_feedback",
        "thread-1 layer.finished fast_feedback",
        "True {'executed': 3, 'proven': 0, 'owed': 0, 'collected': 3} []",
        "thread-1 layer.started legacy",
        "thread-1 layer.finished legacy",
        "{'executed': 0, 'proven': 3, 'owed': 0, 'collected': 3} idle",
        "cleaned up",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_custom_layer_the_custom_mode_and_the_sink(place: Path, command: str) -> None:
    write(place, "apex.yaml", "apex_additions.py")
    runner = str(REPOSITORY / "unified_test_runner.py")
    done = python(place, runner, "--project-root", ".", "--python", sys.executable, *command.split()[1:])
    assert "Custom Layer: passed" in done.stdout
    assert "executed 1 + proven 0 + owed 2 = collected 3" in done.stdout
    assert "log: tests/custom_category/test_custom.py::test_well passed" in done.stderr


def test_the_controller_with_a_mode_of_its_own(place: Path) -> None:
    write(place, "apex.yaml", "apex_additions.py", "own_controller.py")
    done = python(place, "own_controller.py", str(place))
    assert done.stdout.split() == ["care", "0", "True"]


def test_the_entry_points_are_of_groups_that_are_read() -> None:
    (text,) = [body for kind, body in BLOCKS if kind == "toml"]
    groups = tomllib.loads(text)["project"]["entry-points"]
    assert set(groups) <= set(GROUPS)
