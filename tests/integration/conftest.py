"""Runs the real command, and plain pytest beside it, on copies of small projects; sees that nothing is left.

Every run gets a directory of its own for temporary files and sockets and a mark in its environment, so that a
process, file or lock that outlives the run can be found whoever its parent is. `apex(project, ...)` returns a
`Run`, `plain(project, ...)` a `PlainRun`; tests use them by shape (test modules cannot import each other).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
RUNNER = REPOSITORY / "unified_test_runner.py"
RECORDER = Path(__file__).with_name("plain_pytest.py")
MARK = "APEX_CORPUS_MARK"
LEAVING_SECONDS = 5.0
"""how long processes of a run that is over may take to go"""
COMMAND_SECONDS = 90.0
"""no run of this corpus may take longer; what does is stopped and reported with its output"""
FOREIGN_PREFIXES = ("APEX_", "PYTEST_", "COV_", "COVERAGE_", "VIRTUAL_ENV", "PYTHONPATH")


@dataclass
class Run:
    """One run of the command: its facts as read from stdout, and where it lived."""

    project: Path
    temporary: Path
    mark: str
    exit_code: int
    facts: list[dict[str, Any]]
    stdout: bytes
    stderr: str
    seconds: float
    not_json: list[bytes] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.facts[0]["run"]) if self.facts else ""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [fact for fact in self.facts if fact["type"] == kind]

    @property
    def tests(self) -> dict[str, dict[str, Any]]:
        """The last attempt's `test.finished` of each test."""
        return {fact["test"]: fact for fact in self.of("test.finished")}

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcomes that say something; lost and not_run are owed."""
        return {
            test: fact["outcome"]
            for test, fact in self.tests.items()
            if fact["outcome"] not in ("lost", "not_run")
        }

    @property
    def owed(self) -> dict[str, str]:
        return {fact["test"]: fact.get("reason", "") for fact in self.of("test.owed")}

    def explain(self) -> str:
        """What a person needs when an assertion about this run fails."""
        lines = self.stdout.decode(errors="backslashreplace").splitlines()
        short = [line[:600] for line in lines if '"type":"test.started"' not in line]
        return "\n".join(
            ["", f"exit {self.exit_code} after {self.seconds:.1f} s", *short[-25:], self.stderr[-4000:]]
        )


@dataclass
class PlainRun:
    exit_code: int
    tests: list[tuple[str, str, int]]
    subtests: list[tuple[str, str]]
    output: str

    @property
    def outcomes(self) -> dict[str, str]:
        return {test: outcome for test, outcome, _ in self.tests}


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment of a user's shell: nothing of the session that runs these tests."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN_PREFIXES)}
    return environment | extra


@cache
def interpreter(version: str) -> str | None:
    """A Python of that version which has a pytest."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    cached = sorted(Path.home().glob(f".cache/apex-benchmarks/*-py{version}/venv/bin/python"))
    found = [sys.executable, shutil.which(f"python{version}"), *map(str, cached)]
    found += [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True)]
    code = "import sys, pytest; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, found):
        done = subprocess.run(
            [candidate, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        if done.stdout.strip() == version:
            return candidate
    return None


def processes_of(mark: str) -> dict[int, str]:
    """pid -> command line of living processes that carry the mark in their environment or arguments."""
    found = {}
    needle = mark.encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # it went while we looked, or belongs to somebody else
            place = Path(entry.path)
            arguments = (place / "cmdline").read_bytes()
            if needle in arguments or needle in (place / "environ").read_bytes():
                found[int(entry.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")[:200]
    return found


def wait_processes_gone(mark: str, seconds: float = LEAVING_SECONDS) -> dict[int, str]:
    """What is still alive of a run at the deadline (then killed: one leak must not spoil the rest)."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def held_locks(directory: Path) -> list[str]:
    """Files below `directory` named like locks that some process still holds."""
    held = []
    for path in directory.rglob("*lock*"):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(str(path.relative_to(directory)))
    return held


def left_in(directory: Path, allowed: Sequence[str]) -> list[str]:
    return sorted(p.name for p in directory.iterdir() if not any(p.match(pattern) for pattern in allowed))


@pytest.fixture
def no_leftovers() -> Iterator[list[Run]]:
    """Runs added to this list are examined after the test: no process, lock, socket or temporary file."""
    runs: list[Run] = []
    yield runs
    for run in runs:
        assert wait_processes_gone(run.mark) == {}, "processes outlived their run"
        assert held_locks(run.project / ".apex") == [] if (run.project / ".apex").is_dir() else True
        assert left_in(run.temporary / "tmp", ["pytest-of-*"]) == [], "temporary files were left"
        assert left_in(run.temporary / "run", []) == [], "sockets were left"


def _facts(stdout: bytes) -> tuple[list[dict[str, Any]], list[bytes]]:
    facts, strangers = [], []
    for line in stdout.splitlines():
        try:
            fact = json.loads(line)
        except ValueError:
            fact = None
        if isinstance(fact, dict) and "type" in fact and "seq" in fact:
            facts.append(fact)
        else:
            strangers.append(line[:300])
    return facts, strangers


@pytest.fixture
def apex(tmp_path: Path, no_leftovers: list[Run]) -> Callable[..., Run]:
    """apex(project, args=(), pytest_args=(".",), python=None, environment=None) -> Run"""

    def run(
        project: Path,
        args: Sequence[str] = (),
        pytest_args: Sequence[str] = (".",),
        python: str | None = None,
        environment: Mapping[str, str] | None = None,
        launcher: Sequence[str] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> Run:
        mark = f"apex-corpus-{uuid.uuid4().hex}"
        temporary = tmp_path / f"s{len(no_leftovers)}"
        for name in ("tmp", "run"):
            (temporary / name).mkdir(parents=True, mode=0o700)
        command = [
            *launcher, sys.executable, str(RUNNER),
            "--project-root", str(project), "--python", python or sys.executable,
            "--progress-mode", "json", "--fail-fast-mode", "disabled", "--test-timeout", "2",
            *args, "--", *pytest_args,
        ]  # fmt: skip
        places = {"TMPDIR": str(temporary / "tmp"), "XDG_RUNTIME_DIR": str(temporary / "run")}
        env = clean_environment(
            **{MARK: mark, **places, **(environment or {})},
        )
        begin = time.monotonic()
        with (temporary / "stdout").open("wb") as out, (temporary / "stderr").open("wb") as err:
            process = subprocess.Popen(
                command, cwd=project, env=env, stdin=stdin, stdout=out, stderr=err, start_new_session=True
            )
            try:
                code = process.wait(COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                code = -1
                process.kill()
                process.wait()
                wait_processes_gone(mark, 0.0)
        stdout = (temporary / "stdout").read_bytes()
        facts, strangers = _facts(stdout)
        result = Run(
            project, temporary, mark, code, facts, stdout,
            (temporary / "stderr").read_text(errors="backslashreplace"), time.monotonic() - begin, strangers,
        )  # fmt: skip
        no_leftovers.append(result)
        assert code != -1, f"the command did not end within {COMMAND_SECONDS:.0f} s{result.explain()}"
        return result

    return run


@pytest.fixture
def plain(tmp_path: Path) -> Callable[..., PlainRun]:
    """plain(project, pytest_args=(".",), python=None, cache=False) -> PlainRun"""

    def run(
        project: Path,
        pytest_args: Sequence[str] = (".",),
        python: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> PlainRun:
        directory = tmp_path / f"plain-{uuid.uuid4().hex[:8]}"
        (directory / "tmp").mkdir(parents=True)
        result = directory / "result.json"
        command = [
            python or sys.executable,
            str(RECORDER),
            str(result),
            "-p",
            "no:cacheprovider",
            *pytest_args,
        ]
        done = subprocess.run(
            command,
            cwd=project,
            env=clean_environment(TMPDIR=str(directory / "tmp"), **(environment or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="backslashreplace")
        assert result.exists(), f"plain pytest did not survive:\n{output[-4000:]}"
        read = json.loads(result.read_text())
        return PlainRun(
            read["exit_code"],
            [(test, outcome, reruns) for test, outcome, reruns in read["tests"]],
            [(test, outcome) for test, outcome in read["subtests"]],
            output,
        )

    return run
