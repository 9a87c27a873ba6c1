"""What proves tests travels: to another checkout, and from parallel jobs into one, through the real command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RUNNER, Run, clean_environment

pytestmark = pytest.mark.integration

MODULE = """
from shop.{0} import value

def test_one(): assert value() == 1

def test_two(): assert value() + 1 == 2
"""
SECRET = "a-secret-that-nobody-should-see"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A project of two modules with two tests each; one reads a variable."""
    root = tmp_path / "origin"
    (root / "shop").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    for name in ("a", "b"):
        (root / "shop" / f"{name}.py").write_text("import os\n\ndef value():\n    return 1\n")
        (root / "tests" / f"test_{name}.py").write_text(MODULE.format(name))
    (root / "tests" / "test_variable.py").write_text(
        "import os\n\ndef test_it(): assert os.environ['SHOP_SECRET']\n"
    )
    return root


@pytest.fixture
def run(tmp_path: Path, apex: Callable[..., Run]) -> Callable[..., Run]:
    """run(project, *paths) -> Run, without audits, in one surrounding"""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {
        "APEX_AUDIT_SHARE": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TMPDIR": str(temporary),
        "SHOP_SECRET": SECRET,
        "PYTHONANYWHERE_TOKEN": SECRET,
    }

    def start(project: Path, *paths: str) -> Run:
        wait_until_files_are_older(project)
        return apex(project, pytest_args=paths or ("tests",), environment=environment)

    return start


def wait_until_files_are_older(project: Path) -> None:
    newest = max(path.stat().st_ctime for path in project.rglob("*") if ".apex" not in path.parts)
    while time.time() < newest + 0.05:
        os.sched_yield()


def checkout(origin: Path, place: Path) -> Path:
    """Another checkout of the same contents: other directory, other times, nothing remembered."""
    return shutil.copytree(
        origin, place, ignore=shutil.ignore_patterns(".apex", "__pycache__"), copy_function=shutil.copyfile
    )


def cache(project: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, answer and what stands on stderr."""
    command = [sys.executable, str(RUNNER), "cache", *arguments, "--json", "--project-root", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def counts(run: Run) -> tuple[int, int]:
    ended = run.of("run.finished")[0]
    return ended.get("executed", 0), ended.get("proven", 0)


def test_another_checkout_proves_what_was_run_here_and_runs_what_it_changed(
    origin: Path, run: Callable[..., Run], tmp_path: Path
) -> None:
    assert counts(run(origin)) == (5, 0)
    file = tmp_path / "memory"
    assert cache(origin, "export", str(file))[0] == 0
    assert SECRET.encode() not in zlib.decompress(file.read_bytes().partition(b"\n")[2])
    other = checkout(origin, tmp_path / "elsewhere" / "other")
    code, answer, _ = cache(other, "merge", str(file))
    assert (code, answer["new"], answer["proofs"]) == (0, 5, 5)
    assert counts(run(other)) == (0, 5)
    (other / "shop" / "a.py").write_text("import os\n\ndef value():\n    return 2 - 1\n")
    changed = run(other)
    assert {"tests/test_a.py::test_one", "tests/test_a.py::test_two"} <= set(changed.tests), changed.explain()
    assert changed.exit_code == 0
    (other / "shop" / "a.py").write_text("import os\n\ndef value():\n    return 2\n")
    assert {test for test, outcome in run(other).outcomes.items() if outcome == "failed"} == {
        "tests/test_a.py::test_one",
        "tests/test_a.py::test_two",
    }


def test_what_parallel_jobs_ran_is_proven_together(
    origin: Path, run: Callable[..., Run], tmp_path: Path
) -> None:
    files = []
    for number, path in enumerate(("tests/test_a.py", "tests/test_b.py", "tests/test_variable.py")):
        job = checkout(origin, tmp_path / f"job{number}")
        assert run(job, path).exit_code == 0
        files.append(str(tmp_path / f"memory{number}"))
        assert cache(job, "export", files[-1])[0] == 0
    code, answer, _ = cache(origin, "merge", *files)
    assert (code, answer["tests"], answer["proofs"], answer["refused"]) == (0, 5, 5, [])
    assert counts(run(origin)) == (0, 5)
    code, answer, _ = cache(origin, "merge", *reversed(files))
    assert (code, answer["new"]) == (0, 0), "nothing of it is news any more"
    assert counts(run(origin)) == (0, 5)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: data[:-20], "it is damaged"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "it is damaged"),
        (lambda data: data.replace(b'"version": ', b'"version": 9', 1), "it is of version"),
        (lambda data: b'{"x": 1}\n', "it is no file that `cache export` wrote"),
        (lambda data: b"", "it is damaged"),
    ],
    ids=["short", "a bit", "newer", "another", "empty"],
)
def test_a_file_that_cannot_be_trusted_is_refused_and_the_others_are_taken(
    origin: Path, run: Callable[..., Run], tmp_path: Path, spoil: Callable[[bytes], bytes], why: str
) -> None:
    run(origin)
    good, bad = tmp_path / "good", tmp_path / "bad"
    cache(origin, "export", str(good))
    bad.write_bytes(spoil(good.read_bytes()))
    other = checkout(origin, tmp_path / "other")
    code, answer, told = cache(other, "merge", str(bad), str(good))
    assert (code, answer["proofs"]) == (4, 5)
    assert [each["file"] for each in answer["refused"]] == [str(bad)]
    assert f"{bad} is not taken in: {why}" in told


def test_a_memory_that_cannot_be_read_here_is_not_overwritten(
    origin: Path, run: Callable[..., Run], tmp_path: Path
) -> None:
    run(origin)
    file = tmp_path / "memory"
    cache(origin, "export", str(file))
    own = origin / ".apex" / "proof.json"
    newer = own.read_bytes().replace(b'"version": ', b'"version": 9', 1)
    own.write_bytes(newer)
    code, _, told = cache(origin, "merge", str(file))
    assert (code, "cache clear" in told, own.read_bytes() == newer) == (4, True, True)


def test_a_failure_elsewhere_is_no_proof_here(origin: Path, run: Callable[..., Run], tmp_path: Path) -> None:
    run(origin)
    other = checkout(origin, tmp_path / "other")
    (other / "shop" / "a.py").write_text("import os\n\ndef value():\n    return 3\n")
    assert run(other).exit_code == 1
    file = tmp_path / "memory"
    cache(other, "export", str(file))
    cache(origin, "merge", str(file))
    assert set(run(origin).outcomes.values()) == {"passed"}


def test_what_is_cleared_proves_nothing(origin: Path, run: Callable[..., Run]) -> None:
    run(origin)
    assert cache(origin, "status")[1]["proofs"] == 5
    assert cache(origin, "clear")[0] == 0
    assert cache(origin, "status")[1]["tests"] == 0
    assert counts(run(origin)) == (5, 0)
