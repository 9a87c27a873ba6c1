"""What is owed of each commit and which is verified, through the real command in a real repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RUNNER, Run, clean_environment

pytestmark = pytest.mark.integration


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for category in ("unit", "api"):
        (root / "tests" / category).mkdir(parents=True)
        (root / "tests" / category / f"test_{category}.py").write_text("def test_it(): pass\n")
    (root / "pytest.ini").touch()
    (root / ".gitignore").write_text("__pycache__\n.pytest_cache\n")
    git(root, "init", "-q")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path) -> str:
    """Commit everything; the short name."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", "next", "--allow-empty")
    return git(root, "rev-parse", "HEAD")[:10]


@pytest.fixture
def run(tmp_path: Path, apex: Callable[..., Run]) -> Callable[..., Run]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {
        "APEX_AUDIT_SHARE": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TMPDIR": str(temporary),
    }

    def start(project: Path, *args: str, paths: tuple[str, ...] = ()) -> Run:
        newest = max(path.stat().st_ctime for path in project.rglob("*") if ".apex" not in path.parts)
        while time.time() < newest + 0.05:
            os.sched_yield()
        return apex(project, args, paths, environment=environment)

    return start


def status(project: Path) -> dict[str, Any]:
    asked = [sys.executable, str(RUNNER), "status", "--progress-mode", "json", "--project-root", str(project)]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, env=clean_environment())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def verified_to(project: Path) -> str | None:
    newest = status(project)["verified_to"]
    return None if newest is None else str(newest["name"])


def test_a_commit_is_verified_when_later_runs_have_paid_what_it_owes(
    project: Path, run: Callable[..., Run]
) -> None:
    first = git(project, "rev-parse", "HEAD")[:10]
    started = run(project, "--category", "unit").of("run.started")[0]
    assert (started["revision"][:10], started["dirty"]) == (first, False)
    (tree,) = status(project)["trees"]
    assert (tree["name"], tree["owed"], tree["tests"], tree["whole"]) == (first, 1, 2, True)
    assert verified_to(project) is None
    run(project, paths=("tests/api",))
    assert verified_to(project) == first


def test_a_run_that_pytest_is_told_to_narrow_verifies_nothing(project: Path, run: Callable[..., Run]) -> None:
    run(project, "--execution-mode", "all", paths=("--ignore=tests/api",))
    (tree,) = status(project)["trees"]
    assert (tree["tests"], tree["owed"], tree["whole"]) == (1, 0, False)
    assert verified_to(project) is None


def test_what_is_owed_can_be_told_anew_from_the_runs(project: Path, run: Callable[..., Run]) -> None:
    run(project, "--category", "unit")
    before = status(project)["trees"]
    (project / ".apex" / "ledger.json").unlink()
    assert status(project)["trees"] == []
    asked = [sys.executable, str(RUNNER), "history", "rebuild", "--project-root", str(project)]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, env=clean_environment())
    assert done.stdout == "derived from 1 run\nowed tests of 1 state of the project\n"
    assert status(project)["trees"] == before


def test_a_failure_keeps_the_newest_verified_commit_where_it_was(
    project: Path, run: Callable[..., Run]
) -> None:
    first = git(project, "rev-parse", "HEAD")[:10]
    run(project, "--execution-mode", "all")
    assert verified_to(project) == first
    test = project / "tests" / "api" / "test_api.py"
    test.write_text("def test_it(): assert 0\n")
    run(project, "--execution-mode", "all")
    newest = status(project)["trees"][0]
    assert (newest["name"], newest["owed"]) == (f"{first}+", 1)
    second = commit(project)
    run(project, "--execution-mode", "all")
    assert (status(project)["trees"][0]["name"], verified_to(project)) == (second, first)
    test.write_text("def test_it(): assert 1\n")
    third = commit(project)
    run(project, "--execution-mode", "all")
    assert verified_to(project) == third


def test_a_commit_of_what_is_proven_is_verified_by_the_answer_alone(
    project: Path, run: Callable[..., Run]
) -> None:
    run(project, "--execution-mode", "all")
    (project / "notes.txt").write_text("nothing that a test reads\n")
    second = commit(project)
    asked = [sys.executable, str(RUNNER), "--execution-mode", "all", "--python", sys.executable]
    environment = clean_environment(
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", TMPDIR=str(project.with_name("temporary"))
    )
    asked += ["--fail-fast-mode", "disabled", "--test-timeout", "2"]
    done = subprocess.run(asked, cwd=project, check=True, capture_output=True, text=True, env=environment)
    assert "2 proven" in done.stdout
    assert verified_to(project) == second


def test_without_git_it_is_said_by_name(tmp_path: Path, run: Callable[..., Run]) -> None:
    project = tmp_path / "bare"
    (project / "tests").mkdir(parents=True)
    (project / "tests" / "test_it.py").write_text("def test_it(): pass\n")
    (project / "pytest.ini").touch()
    assert run(project).exit_code == 0
    asked = [sys.executable, str(RUNNER), "status", "--project-root", str(project)]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, env=clean_environment())
    assert "Verified to: unknown (git tells states of the project apart)" in done.stdout
