"""The table of what users of the old runner type (legacy_invocations.toml), row by row, against the real command.

All rows are run by one batch of forked processes (invocation_batch.py), each in a fresh copy of its project; one row
of each exit code is started as a user starts it too, so that nothing of the batch can make a row true.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
TABLE = tomllib.loads((HERE / "legacy_invocations.toml").read_text())
AT_LEAST = 300
FOREIGN = ("APEX_", "PYTEST_", "COV_", "COVERAGE_", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")

CATALOGUE = (
    "mission_critical", "smoke", "startup", "post_deployment", "unit", "security", "database", "e2e_critical",
    "integration", "api", "websocket", "agent", "cypress", "frontend", "performance", "e2e", "real_e2e",
    "real_services",
)  # fmt: skip
PLAIN = (
    "smoke", "unit", "database", "api", "websocket", "integration", "frontend", "cypress", "e2e", "performance",
)  # fmt: skip
MARKS = {
    "smoke": "@pytest.mark.smoke",
    "startup": "@pytest.mark.staging",
    "post_deployment": "@pytest.mark.env('prod')",
}
OWN = """\
layers:
  quick:
    categories: [{name: unit}]
  slow:
    categories: [{name: novel}]
modes:
  mine: [quick, slow]
"""
WRONG = """\
layers:
  quick:
    categories:
      - name: unit
    max_duration_minuts: 2
"""


@dataclass(frozen=True)
class Row:
    number: int
    project: str
    command: str
    exit_code: int
    expected: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command)


@dataclass(frozen=True)
class Ended:
    """How one command ended, and the project it left behind."""

    exit_code: int
    stdout: str
    stderr: str
    project: Path

    def facts(self) -> list[dict[str, Any]]:
        """The facts of the one run that this project has seen."""
        files = list(self.project.glob(".apex/runs/*/facts.jsonl"))
        assert len(files) == 1, f"{len(files)} runs are recorded\n{self}"
        return [json.loads(line) for line in files[0].read_text().splitlines()]

    def __str__(self) -> str:
        return f"exit {self.exit_code}\n--- stdout\n{self.stdout[-4000:]}\n--- stderr\n{self.stderr[-4000:]}"


def rows_of_the_table() -> Iterator[Row]:
    number = 0
    for section in TABLE["section"]:
        project = section["project"].split(":")[0]
        for command, exit_code, *expected in section["rows"]:
            yield Row(number, project, command, exit_code, tuple(expected))
            number += 1


ROWS = tuple(rows_of_the_table())


def make_project(kind: str, place: Path) -> None:
    """One of the table's projects: a directory for each category, with one test."""
    categories = {"plain": PLAIN, "own": ("unit", "novel"), "empty": ()}.get(kind, CATALOGUE)
    place.mkdir(parents=True)
    (place / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    smoke: the shortest proof\n    staging: a place\n    env(name): another\n"
    )
    for name in categories:
        file = place / "tests" / name / f"test_{name}.py"
        file.parent.mkdir(parents=True)
        lines = ["import os", "import pytest", ""]
        lines += [MARKS[name]] if name in MARKS else []
        lines += [f"def test_{name}():", "    print('TEST_ENV=' + os.environ['TEST_ENV'])"]
        if kind == f"red {name}" or (kind == "red" and name == "unit"):
            lines.append("    assert name_of_the_world() == 'green'")
            lines += ["", "def name_of_the_world():", "    return 'red'"]
        if kind == "broken" and name == "unit":
            lines = ["def test_unit(:"]
        file.write_text("\n".join(lines) + "\n")
    if kind in ("own", "wrong"):
        (place / "apex.yaml").write_text(OWN if kind == "own" else WRONG)


def environment() -> dict[str, str]:
    """A user's shell; the plug-ins of this interpreter cost half of each run and are not what is tested here."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return inherited | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with each project of the table, never run in: rows get copies."""
    base = tmp_path_factory.mktemp("projects")
    for kind in {row.project for row in ROWS}:
        make_project(kind, base / kind)
    return base


@pytest.fixture(scope="module")
def ended(projects: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Ended]:
    """How each row of the table ended."""
    base = tmp_path_factory.mktemp("rows")
    plan = []
    for row in ROWS:
        place = base / str(row.number)
        shutil.copytree(projects / row.project, place / "project")
        plan.append({"argv": with_interpreter(row), "cwd": str(place / "project"), "out": str(place)})
    (base / "plan.json").write_text(json.dumps(plan))
    batch = [
        sys.executable,
        str(HERE / "invocation_batch.py"),
        str(base / "plan.json"),
        str(base / "codes.json"),
    ]
    done = subprocess.run(batch, env=environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    codes = json.loads((base / "codes.json").read_text())
    found = {}
    for row, code in zip(ROWS, codes, strict=True):
        place = base / str(row.number)
        texts = [(place / name).read_text(errors="backslashreplace") for name in ("stdout", "stderr")]
        found[row.number] = Ended(code, texts[0], texts[1], place / "project")
    return found


def with_interpreter(row: Row) -> list[str]:
    """The row's words, run in the interpreter of these tests and in no repository above the project."""
    words = row.words
    commands = 1 if words[:1] and words[0] in ("run", "status") else 0
    more = [] if "--python" in row.command else ["--python", sys.executable]
    more += [] if "--project-root" in row.command else ["--project-root", "."]
    return words if words[:1] == ["completion"] else [*words[:commands], *more, *words[commands:]]


def check(row: Row, end: Ended) -> None:
    """The row's contract, and what holds for every row."""
    assert end.exit_code == row.exit_code, end
    assert "Traceback" not in end.stderr, end
    if row.exit_code == 4:
        assert end.stdout == "" or (end.project / ".apex" / "runs").is_dir(), end
        assert end.stderr.count("apex: error:") == 1, end
    for promise in row.expected:
        kind, _, text = promise.partition(" ")
        match kind:
            case "ran":
                check_what_ran(row, end, set(text.split()))
            case "has":
                assert text in end.stdout, end
            case "not":
                assert text not in end.stdout, end
            case "err":
                assert text in end.stderr, end
            case "empty":
                assert end.stdout == "", end
            case "json":
                check_json(row, end)
            case _:
                raise AssertionError(f"the table says {promise!r}, which means nothing")


def check_what_ran(row: Row, end: Ended, categories: set[str]) -> None:
    facts = end.facts()
    tests = [
        fact["test"] for fact in facts if fact["type"] == "test.finished" and fact["outcome"] != "not_run"
    ]
    assert sorted(tests) == sorted(f"tests/{name}/test_{name}.py::test_{name}" for name in categories), end
    last = facts[-1]
    executed, owed, collected = last.get("executed", 0), last.get("owed", 0), last.get("collected", 0)
    assert executed == len(categories), end
    assert executed + last.get("proven", 0) + owed == collected, end
    if not {"json", "empty"} & set(row.expected):
        assert f"executed {executed} + proven 0 + owed {owed} = collected {collected}" in end.stdout, end


def check_json(row: Row, end: Ended) -> None:
    lines = end.stdout.splitlines()
    assert lines, end
    bodies = [json.loads(line) for line in lines]
    assert all(isinstance(body, dict) for body in bodies), end
    if (end.project / ".apex" / "runs").is_dir():
        assert bodies[0]["type"] == "run.started", end
        assert (bodies[-1]["type"], bodies[-1]["exit_code"]) == ("run.finished", row.exit_code), end


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.project}: {row.command}" for row in ROWS])
def test_each_invocation_ends_as_promised(row: Row, ended: dict[int, Ended]) -> None:
    check(row, ended[row.number])


def representatives() -> list[Row]:
    """One row of each exit code that ran tests or not, and one in JSON."""
    chosen: dict[object, Row] = {}
    for row in ROWS:
        chosen.setdefault((row.exit_code, any(promise.startswith("ran") for promise in row.expected)), row)
        if "json" in row.expected:
            chosen.setdefault("json", row)
    return [*chosen.values()]


@pytest.mark.parametrize("row", representatives(), ids=lambda row: f"exit {row.exit_code}: {row.command}")
def test_a_command_started_as_users_start_it_ends_the_same_way(
    row: Row, projects: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(projects / row.project, project)
    command = [sys.executable, str(REPOSITORY / "unified_test_runner.py"), *with_interpreter(row)]
    done = subprocess.run(
        command,
        cwd=project,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    check(row, Ended(done.returncode, done.stdout.decode(), done.stderr.decode(), project))


def test_the_table_is_as_long_as_was_promised_and_says_nothing_twice() -> None:
    assert len(ROWS) >= AT_LEAST
    said = [(row.project, row.command) for row in ROWS]
    assert [pair for pair in said if said.count(pair) > 1] == []


def test_every_flag_and_every_choice_is_in_the_table() -> None:
    from test_framework.cli.arguments import build_parser

    commands = [f" {row.command} ".replace("=", " ") for row in ROWS]
    missing = []
    for action in build_parser()._actions:
        spellings = [f for f in action.option_strings if f.startswith("--")] or action.option_strings
        if not any(f" {flag} " in command for command in commands for flag in spellings):
            missing.append(spellings[0])
        for choice in action.choices or ():
            pair = f" {spellings[0]} {choice} "
            if not any(pair in command for command in commands):
                missing.append(pair.strip())
    assert missing == []
