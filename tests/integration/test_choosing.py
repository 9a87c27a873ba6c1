"""What runs first and what runs at all when the time does not suffice, through the real command.

Durations come from an imported JUnit file, so that nothing has to be slow; the tests themselves take no time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RUNNER, Run, clean_environment, interpreter

pytestmark = pytest.mark.integration

MODULES, TESTS = 4, 10
MODULE = """
import pytest
from lib{0} import value

@pytest.mark.parametrize("n", range(10))
def test_{0}(n):
    assert value(n) == n
"""
CASE = '<testcase classname="tests.test_m{0}" name="test_{0}[{1}]" file="tests/test_m{0}.py" time="1.0"/>'
WRONG = "def value(n):\n    return n + 1\n"
LAYER = """
layers:
  small:
    max_duration_minutes: 0.5
    success_criteria: {allow_partial_success: true}
    categories: [{name: unit, timeout_seconds: 60}]
"""
FOR_TIME = "is given to tests more likely to fail"


@dataclass
class Project:
    """Forty tests of which the history believes that each takes a second."""

    root: Path
    apex: Callable[..., Run]

    def __post_init__(self) -> None:
        (self.root / "tests").mkdir(parents=True)
        self.temporary = self.root.with_name("temporary")
        self.temporary.mkdir()
        (self.root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
        for number in range(MODULES):
            (self.root / f"lib{number}.py").write_text("def value(n):\n    return n\n")
            (self.root / "tests" / f"test_m{number}.py").write_text(MODULE.format(number))
        cases = [CASE.format(module, test) for module in range(MODULES) for test in range(TESTS)]
        report = self.root / "junit.xml"
        report.write_text(f"<testsuites><testsuite name='x'>{''.join(cases)}</testsuite></testsuites>")
        asked = [sys.executable, str(RUNNER), "history", "import", str(report)]
        subprocess.run(asked, cwd=self.root, check=True, env=clean_environment(), capture_output=True)

    def run(self, *args: str, paths: tuple[str, ...] = ("tests",), python: str | None = None) -> Run:
        """On one lane, so that there is an order; without audits."""
        newest = max(path.stat().st_ctime for path in self.root.rglob("*") if ".apex" not in path.parts)
        while time.time() < newest + 0.05:
            os.sched_yield()
        environment = {
            "APEX_AUDIT_SHARE": "0",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "TMPDIR": str(self.temporary),
        }
        return self.apex(self.root, ("-n", "1", *args), paths, python, environment)

    def record(self, python: str) -> None:
        """Run each module by itself: in one process, what one executes would be held against those after it."""
        for number in range(MODULES):
            run = self.run(paths=(f"tests/test_m{number}.py",), python=python)
            assert ended(run)["executed"] == TESTS, run.explain()

    def breaks(self, number: int) -> None:
        (self.root / f"lib{number}.py").write_text(WRONG)


@pytest.fixture
def project(tmp_path: Path, apex: Callable[..., Run]) -> Project:
    return Project(tmp_path / "project", apex)


@pytest.fixture
def python() -> str:
    """An interpreter in which it is recorded which functions each test executes."""
    for version in ("3.13", "3.12"):
        found = interpreter(version)
        if found is not None:
            return found
    pytest.skip("no Python 3.12 or newer with pytest: which functions a test executes is not recorded")


def ended(run: Run) -> dict[str, Any]:
    """The last fact, whose ledger adds up."""
    found = {"executed": 0, "proven": 0, "owed": 0, **run.of("run.finished")[0]}
    assert found["executed"] + found["proven"] + found["owed"] == found["collected"], run.explain()
    return found


def first_module(run: Run) -> str:
    return os.path.basename(run.of("test.finished")[0]["test"].split("::")[0])


def test_what_does_not_fit_is_owed_for_want_of_time_and_paid_by_the_next_run(project: Project) -> None:
    first = project.run("--time", "20s")
    assert (ended(first)["executed"], ended(first)["owed"], first.exit_code) == (14, 26, 10), first.explain()
    assert {fact.get("another_time") for fact in first.of("test.owed")} == {True}
    assert set(first.owed.values()) == {f"the budget of the run (20 s) {FOR_TIME}"}
    second = project.run("--time", "60s")
    assert (ended(second)["executed"], ended(second)["proven"], second.exit_code) == (26, 14, 0)
    assert not set(first.tests) & set(second.tests)
    third = project.run("--time", "20s")
    assert (ended(third)["proven"], third.exit_code) == (40, 0)


def test_a_layer_owes_what_its_minutes_cannot_hold(project: Project) -> None:
    (project.root / "apex.yaml").write_text(LAYER)
    run = project.run("--layers", "small", paths=())
    assert (ended(run)["executed"], ended(run)["owed"], run.exit_code) == (23, 17, 0), run.explain()
    assert set(run.owed.values()) == {f"the budget of layer small (30 s) {FOR_TIME}"}


def test_what_a_change_may_break_comes_first_and_so_do_the_last_failures(
    project: Project, python: str
) -> None:
    project.record(python)
    project.breaks(2)
    changed = project.run("--no-cache", python=python)
    assert first_module(changed) == "test_m2.py", changed.explain()
    assert (changed.exit_code, ended(changed)["outcomes"]) == (1, {"passed": 30, "failed": 10})
    again = project.run("--no-cache", "--no-recorder", python=python)
    assert first_module(again) == "test_m2.py", "it failed last time"


def test_a_small_budget_is_given_to_what_changed(project: Project, python: str) -> None:
    project.record(python)
    project.breaks(3)
    run = project.run("--no-cache", "--time", "10s", python=python)
    assert {test.split("::")[0] for test in run.tests} == {"tests/test_m3.py"}
    assert (run.exit_code, ended(run)["outcomes"]) == (1, {"failed": ended(run)["executed"]})


def test_an_observation_runs_all_and_compares_with_what_would_have_been_chosen(
    project: Project, python: str
) -> None:
    project.run(python=python)
    project.breaks(1)
    run = project.run("--observation", python=python)
    assert (ended(run)["executed"], run.exit_code) == (MODULES * TESTS, 1)
    told = [fact["message"] for fact in run.of("alert.raised") if fact["kind"] == "observation"]
    assert told == ["10 of 40 tests would have run; 10 of 10 failures are among them"]
