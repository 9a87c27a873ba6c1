"""The real command as a process that a test can watch, signal and wait for.

Rules: a `Command` starts runs in directories of their own and hands them to the `no_leftovers` fixture, which finds
what outlives them; waiting is for facts in the run's own file, never for time; every wait has a deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.integration.conftest import MARK, RUNNER, Run, clean_environment, processes_of, wait_processes_gone

WAIT_SECONDS = 30.0
STRICT = (sys.executable, "-W", "error", str(RUNNER))
"""the controller's own warnings (fork, unclosed resources) are bugs"""


def write(directory: Path, **files: str) -> Path:
    """Make a project: `test_a="..."` becomes test_a.py."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.py").write_text(text, encoding="utf-8")
    return directory


class Started:
    """One run of the command that has been started."""

    def __init__(
        self, process: subprocess.Popen[bytes], project: Path, temporary: Path, mark: str, finished: list[Run]
    ) -> None:
        self.process = process
        self.project = project
        self.temporary = temporary
        self.mark = mark
        self.began = time.monotonic()
        self._finished = finished

    def facts(self) -> list[dict[str, Any]]:
        """All facts of the run's file that can be read so far; a torn last line is left out."""
        found = []
        for path in sorted(self.project.glob(".apex/runs/*/facts.jsonl")):
            for line in path.read_bytes().split(b"\n"):
                with contextlib.suppress(ValueError):
                    found.append(json.loads(line))
        return found

    def wait(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The first fact for which `condition` holds, as soon as it is in the file."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            for fact in self.facts():
                if condition(fact):
                    return fact
            if self.process.poll() is not None and not any(condition(fact) for fact in self.facts()):
                break
            time.sleep(0.01)
        raise AssertionError(f"no fact says that {what}: {self.stderr()}\n{self.facts()[-5:]}")

    def wait_running(self, test: str) -> dict[str, Any]:
        return self.wait(lambda fact: fact["type"] == "test.started" and test in fact["test"], f"{test} runs")

    def wait_for_file(self, path: Path) -> None:
        """Until the tests have written `path`: they are where they ought to be."""
        self.wait_until(path.exists, f"{path.name} was written")

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Until `condition` holds, while the process lives."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"it never came that {what}: {self.stderr()}"
            assert self.process.poll() is None, f"the command ended before {what}: {self.stderr()}"
            time.sleep(0.01)

    def pid_of(self, worker: str) -> int:
        return int(self.wait(lambda fact: fact.get("worker") == worker and "pid" in fact, "it lives")["pid"])

    def pids(self, program: str) -> list[int]:
        """Processes of this run whose command line names the program, oldest first."""
        return sorted(pid for pid, line in processes_of(self.mark).items() if program in line)

    def stderr(self) -> str:
        return (self.temporary / "stderr").read_text(errors="backslashreplace")

    def finish(self, seconds: float = WAIT_SECONDS) -> Run:
        """Wait for its end and examine what is left after the test."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            wait_processes_gone(self.mark, 0.0)
            raise AssertionError(f"the command did not end within {seconds} s: {self.stderr()}") from None
        stdout = (self.temporary / "stdout").read_bytes()
        run = Run(
            self.project, self.temporary, self.mark, code, self.facts(), stdout, self.stderr(),
            time.monotonic() - self.began,
        )  # fmt: skip
        self._finished.append(run)
        return run


class Command:
    """Starts runs; each has temporary files, output and a mark of its own."""

    def __init__(self, directory: Path, finished: list[Run]) -> None:
        self.directory = directory
        self.finished = finished
        self.count = 0

    def start(
        self,
        project: Path,
        *argv: str,
        environment: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
        cwd: Path | None = None,
        launcher: Sequence[str] = (),
        stdin: int = subprocess.DEVNULL,
        terminal: int | None = None,
    ) -> Started:
        """`terminal`: descriptor of a pty's inner end that becomes stdin, stdout and the controlling terminal."""
        mark = f"apex-command-{uuid.uuid4().hex}"
        self.count += 1
        temporary = self.directory / f"command{self.count}"
        for name in ("tmp", "run", "home"):
            (temporary / name).mkdir(parents=True, mode=0o700)
        env = clean_environment(
            TMPDIR=str(temporary / "tmp"),
            XDG_RUNTIME_DIR=str(temporary / "run"),
            XDG_STATE_HOME=str(temporary / "home" / "state"),
            HOME=str(temporary / "home"),
            **{MARK: mark},
            **(environment or {}),
        )
        for name in without:
            env.pop(name, None)
        command = [*launcher, *STRICT, *argv]
        with (temporary / "stdout").open("wb") as out, (temporary / "stderr").open("wb") as err:
            process = subprocess.Popen(
                command if terminal is None else ["setsid", "--ctty", *command],
                cwd=cwd or project,
                env=env,
                stdin=stdin if terminal is None else terminal,
                stdout=out if terminal is None else terminal,
                stderr=err,
                start_new_session=terminal is None,
            )
        return Started(process, project, temporary, mark, self.finished)

    def run(self, project: Path, *argv: str, **how: Any) -> Run:
        """Start it and wait for its end."""
        return self.start(project, *argv, **how).finish()


def ledger_adds_up(run: Run) -> bool:
    """Whether the run's last fact accounts for every collected test, and agrees with the facts before it."""
    end = run.of("run.finished")[-1]
    executed, owed = end.get("executed", 0), end.get("owed", 0)
    return (
        executed + end.get("proven", 0) + owed == end.get("collected", 0)
        and executed == len(run.outcomes)
        and owed == len(run.owed)
    )


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
