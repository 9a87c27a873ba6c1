"""Bad tests that are run again, through the real command: what is flaky, what stays bad, and what it costs.

One lane, for what fails beside other lanes is judged once more by itself anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.integration

ONCE = """
import os, pathlib, signal

def first(name):
    mark = pathlib.Path(os.environ["TRIED"]) / name
    seen = mark.exists()
    with open(mark, "a") as file:
        file.write(f"{os.getpid()}\\n")
    return not seen
"""
TESTS = """
from once import first

def test_before(): pass

def test_fails_once():
    assert not first("fails")

def test_always():
    first("always")
    assert 0

def test_after(): pass
"""
CRASHING = """
import os
from once import first

def test_crashes_once():
    if first("crashes"):
        os.kill(os.getpid(), 11)

def test_after(): pass
"""
ALWAYS, FAILS, CRASHES = (
    f"tests/unit/test_it.py::test_{name}" for name in ("always", "fails_once", "crashes_once")
)


@pytest.fixture
def run(tmp_path: Path, apex: Callable[..., Any]) -> Callable[..., Any]:
    """run(*args) -> Run, of a project of its own each time"""
    made = iter(range(9))

    def start(*args: str, tests: str = TESTS) -> Any:
        project = tmp_path / f"project{next(made)}"
        (project / "tests" / "unit").mkdir(parents=True)
        (project / "pytest.ini").touch()
        (project / "tests" / "unit" / "once.py").write_text(ONCE)
        (project / "tests" / "unit" / "test_it.py").write_text(tests)
        tried = project / "tried"
        tried.mkdir()
        return apex(
            project, args=("-n", "1", *args), pytest_args=("tests",), environment={"TRIED": str(tried)}
        )

    return start


def attempts(done: Any, test: str) -> list[tuple[int, str]]:
    return [(fact["attempt"], fact["outcome"]) for fact in done.of("test.finished") if fact["test"] == test]


def test_without_retries_every_test_has_one_attempt(run: Callable[..., Any]) -> None:
    done = run()
    assert {len(attempts(done, test)) for test in done.tests} == {1}
    assert (done.exit_code, done.outcomes[FAILS]) == (1, "failed")


def test_a_test_that_passes_when_retried_is_flaky_and_one_that_does_not_stays_bad(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    report = tmp_path / "junit.xml"
    done = run("--retries", "2", "--junitxml", str(report))
    assert attempts(done, FAILS) == [(1, "failed"), (2, "passed")], done.explain()
    assert attempts(done, ALWAYS) == [(1, "failed"), (2, "failed"), (3, "failed")]
    ended = done.of("run.finished")[0]
    assert (ended["exit_code"], ended["executed"], ended["collected"]) == (1, 4, 4)
    assert ended["outcomes"] == {"passed": 3, "failed": 1}
    pids = (done.project / "tried" / "always").read_text().split()
    assert len(set(pids)) == 3, "each attempt has a process of its own"
    cases = {case.get("name"): case for case in ET.parse(report).iter("testcase")}
    assert [part.tag for part in cases["test_fails_once"] if part.tag.startswith(("flaky", "rerun"))] == [
        "flakyFailure"
    ]
    assert len(cases["test_always"].findall("rerunFailure")) == 2


@pytest.mark.parametrize(("result", "code"), [("pass", 0), ("fail", 1)])
def test_what_a_flaky_test_means_for_the_run_is_the_user_s_choice(
    run: Callable[..., Any], result: str, code: int
) -> None:
    done = run("--retries", "1", "--flaky-result", result, tests=TESTS.replace("assert 0", "pass"))
    assert done.exit_code == code, done.explain()
    assert done.of("run.finished")[0].get("reasons", []) == ([] if code == 0 else ["1 flaky"])


def test_a_test_that_crashes_once_is_flaky_too(run: Callable[..., Any]) -> None:
    done = run("--retries", "1", tests=CRASHING)
    assert attempts(done, CRASHES) == [(1, "crashed"), (2, "passed")], done.explain()
    assert done.exit_code == 0


def test_a_failure_stops_the_run_when_its_retries_are_used_up(run: Callable[..., Any]) -> None:
    tests = "def test_a(): assert 0\n\n\ndef test_b(): assert 0\n"
    done = run("--retries", "1", "-x", tests=tests)
    tried = [len(attempts(done, f"tests/unit/test_it.py::test_{name}")) for name in "ab"]
    assert sorted(tried) == [1, 2], done.explain()
    assert done.exit_code == 1


def test_a_flaky_test_is_never_proven(run: Callable[..., Any], apex: Callable[..., Any]) -> None:
    done = run("--retries", "1", tests=TESTS.replace("assert 0", "pass"))
    environment = {"TRIED": str(done.project / "tried"), "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
    again = apex(done.project, pytest_args=("tests",), environment=environment)
    assert FAILS in set(again.outcomes), again.explain()


def test_a_category_says_how_often_its_tests_are_retried(
    run: Callable[..., Any], apex: Callable[..., Any]
) -> None:
    done = run()
    (done.project / "apex.yaml").write_text(
        "layers: {fast: {categories: [{name: unit}]}}\ncategories: {unit: {retry_count: 1}}\n"
    )
    again = apex(
        done.project,
        args=["-n", "1", "--layers", "fast"],
        pytest_args=(),
        environment={"TRIED": str(done.project / "tried")},
    )
    assert [number for number, _ in attempts(again, ALWAYS)] == [1, 2], again.explain()
