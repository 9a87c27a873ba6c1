"""Clones this repository and starts it there as a newcomer would: python scripts/check_bootstrap.py

Rules: the last commit is what is cloned, into a path with a space, with an empty home and no variable but
PATH and HOME, by a bare Python that has nothing but pip. The network is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ANNOUNCEMENT = "apex: setting up .venv from requirements.lock"
LIMIT_SECONDS = 400
FAST_LAYER = ("unified_test_runner.py", "--execution-mode", "fast_feedback")


def bare_python(parent: Path) -> str:
    """A Python with pip and nothing else, as a fresh machine has it; whatever this machine's own has installed."""
    place = parent / "bare"
    python = place / "bin" / "python"
    if not python.exists():
        machine = shutil.which("python") or sys.executable
        subprocess.run([machine, "-m", "venv", str(place)], check=True, stdin=subprocess.DEVNULL)
    return str(python)


class Newcomer:
    """A fresh clone and what was tried in it."""

    def __init__(self, parent: Path, name: str) -> None:
        self.clone = parent / name
        home = parent / f"home of {name}"
        home.mkdir()
        self.python = bare_python(parent)
        path = f"{Path(self.python).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {"PATH": path, "HOME": str(home)}
        command = ["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(self.clone)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `python ARGUMENTS` in the clone."""
        return subprocess.Popen(
            [self.python, *arguments],
            cwd=self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; a process over the limit is killed and its code is negative."""
    try:
        output, errors = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
    return process.returncode, output, errors


class Checks:
    """Counts and says what held and what did not."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def expect(self, holds: bool, what: str, shown: str = "") -> None:
        """Count one expectation; `shown` is printed where it does not hold."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)
        if not holds and shown:
            print("\n".join(f"     | {line}" for line in shown.splitlines()[-40:]), flush=True)


def run_fast_layer_twice(checks: Checks, newcomer: Newcomer) -> None:
    """The first start sets up and passes; the second passes without setting up."""
    for start, announcements in (("first", 1), ("second", 0)):
        began = time.monotonic()
        code, output, errors = ended(newcomer.begin(*FAST_LAYER))
        seconds = time.monotonic() - began
        checks.expect(code == 0, f"{start} start: exit code {code} after {seconds:.0f} s", output + errors)
        times = errors.count(ANNOUNCEMENT)
        checks.expect(
            times == announcements, f"{start} start: set up {times} times, {announcements} expected", errors
        )
        if output.strip():
            print(f"     {output.strip().splitlines()[-1]}", flush=True)


def start_twice_at_once(checks: Checks, newcomer: Newcomer) -> None:
    """Two starts at once: both work, one sets up."""
    both = [newcomer.begin("scripts/unified_test_runner.py", "--list-categories") for _ in range(2)]
    runs = [ended(process) for process in both]
    shown = "\n".join(output + errors for _, output, errors in runs)
    checks.expect([code for code, _, _ in runs] == [0, 0], "two starts at once: both exit with 0", shown)
    times = sum(errors.count(ANNOUNCEMENT) for _, _, errors in runs)
    checks.expect(times == 1, f"two starts at once: set up {times} times, 1 expected", shown)


def main() -> int:
    """Run the checks; 1 if any failed."""
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="apex newcomer ") as parent:
        run_fast_layer_twice(checks, Newcomer(Path(parent), "a clone"))
        start_twice_at_once(checks, Newcomer(Path(parent), "another clone"))
    print(f"set-up of bare clones: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
