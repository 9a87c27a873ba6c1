"""What our own processes cost, on projects of trivial tests and on an imagined run.

Rules: the controller is the process of our command, without keeper, zygote and lanes; "a test" is the whole
controller divided by the tests, start-up included; what could not be measured is a missed goal, and says
why.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import commands, figures
from benchmarks.full import work_done
from benchmarks.goals import Goal
from benchmarks.processes import Consumed, consume
from benchmarks.suites import REPOSITORY, BenchmarkError

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.page import Page

SMALL, LARGE, HUGE = 1_000, 10_000, 100_000
MICROSECONDS_A_TEST = 150.0
FLAT_WITHIN = 1.25
PLANNING_SECONDS = 1.0
MEGABYTES = 150.0
REPEATS = 5
TESTS_A_FILE = 100


@dataclass(frozen=True, slots=True)
class Real:
    """A run of a generated project; of several, the one with the median processor time."""

    tests: int
    consumed: Consumed
    fault: str

    def microseconds(self, fixed: float) -> float:
        return figures.per_item(self.consumed.processor_seconds, fixed, self.tests) * 1e6


def measure(page: Page, work: Path, *, real_large: bool) -> bool:
    """Print the controller's cost, planning and memory; True when every goal is met."""
    page.heading(f"Own cost, generated projects, median of {REPEATS}")
    sizes = [1, SMALL, LARGE, *([HUGE] if real_large else [])]
    real = {size: _run_project(work, size) for size in sizes}
    fixed = real[1].consumed.processor_seconds
    header = (
        "tests",
        "wall, s",
        "controller's processor time, s",
        "microseconds a test",
        "without start-up",
        "peak memory, MB",
        "fault",
    )
    page.table(
        header,
        [
            [
                f"{size:,}",
                figures.seconds(run.consumed.wall_seconds),
                figures.seconds(run.consumed.processor_seconds),
                f"{run.microseconds(0.0):.0f}",
                "-" if size == 1 else f"{run.microseconds(fixed):.0f}",
                f"{run.consumed.peak_bytes / 1e6:.0f}",
                run.fault or "-",
            ]
            for size, run in real.items()
        ],
    )
    page.line(
        "Imagined runs: planning, dispatcher, scheduler and journal without any test, in one process each.\n"
    )
    imagined = {size: _imagine(size) for size in (SMALL, LARGE, HUGE)}
    page.table(
        ("tests", "planning, s", "microseconds a test", "peak memory, MB"),
        [
            [
                f"{size:,}",
                figures.seconds(run["plan_seconds"]),
                f"{run['run_seconds'] / size * 1e6:.0f}",
                f"{run['peak_bytes'] / 1e6:.0f}",
            ]
            for size, run in imagined.items()
        ],
    )
    goals = [
        *_real_goals(real, fixed),
        _planning_goal(imagined[HUGE]["plan_seconds"]),
        _memory_goal(real.get(HUGE), imagined[HUGE]["peak_bytes"]),
    ]
    page.table(("goal", "wanted", "measured", "met"), [goal.cells() for goal in goals])
    return all(goal.met for goal in goals)


def _run_project(work: Path, count: int) -> Real:
    """Run our command on a project of `count` trivial tests."""
    project = generate_project(work / f"trivial-{count}", count)
    argv = [
        *commands.our_command(),
        "--project-root",
        str(project),
        "--python",
        sys.executable,
        "--progress-mode",
        "simple",
        "--no-cache",
        "--fail-fast-mode",
        "disabled",
        "--",
        "tests",
    ]
    runs = [
        consume(argv, project, commands.environment(), work / f"trivial-{count}.txt")
        for _ in range(1 if count == HUGE else REPEATS)
    ]
    middle = sorted(runs, key=lambda run: run.processor_seconds)[len(runs) // 2]
    codes = {run.exit_code for run in runs}
    fault = f"exit {max(codes)}" if codes != {0} else work_done(project / ".apex", count)
    return Real(count, middle, fault)


def generate_project(project: Path, count: int) -> Path:
    """A project of `count` tests that do nothing, a hundred a file; made afresh, without any record."""
    shutil.rmtree(project, ignore_errors=True)
    tests = project / "tests"
    tests.mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n', encoding="utf-8"
    )
    for first in range(0, count, TESTS_A_FILE):
        numbers = range(first, min(first + TESTS_A_FILE, count))
        text = "\n\n".join(f"def test_case_{number}():\n    pass\n" for number in numbers)
        (tests / f"test_part_{first // TESTS_A_FILE:04}.py").write_text(text, encoding="utf-8")
    return project


def _imagine(count: int) -> dict[str, float]:
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.synthetic", str(count)],
        cwd=REPOSITORY,
        env=commands.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:]
        raise BenchmarkError(f"the imagined run of {count} tests failed: {' '.join(last)}")
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def _real_goals(real: dict[int, Real], fixed: float) -> list[Goal]:
    faults = [f"{run.tests:,} tests: {run.fault}" for run in real.values() if run.fault]
    whole = real[LARGE].microseconds(0.0)
    small, large = real[SMALL].microseconds(fixed), real[LARGE].microseconds(fixed)
    growth = figures.ratio(large, small) if small > 0 else None
    words = "; ".join(faults)
    return [
        Goal(
            f"controller, a test of {LARGE:,}",
            f"< {MICROSECONDS_A_TEST:.0f} microseconds",
            words or f"{whole:.0f} microseconds",
            not faults and whole < MICROSECONDS_A_TEST,
        ),
        Goal(
            f"flat: {LARGE:,} against {SMALL:,}, without start-up",
            f"<= {FLAT_WITHIN:.2f}x",
            words or figures.times(growth),
            not faults and growth is not None and growth <= FLAT_WITHIN,
        ),
    ]


def _memory_goal(real: Real | None, imagined: float) -> Goal:
    if real is not None and not real.fault:
        measured, kind = real.consumed.peak_bytes / 1e6, "a real run"
    else:
        measured, kind = imagined / 1e6, "an imagined run; --real-100000 for a real one"
    return Goal(
        f"controller's memory at {HUGE:,} tests",
        f"< {MEGABYTES:.0f} MB",
        f"{measured:.0f} MB ({kind})",
        measured < MEGABYTES,
    )


def _planning_goal(seconds: float) -> Goal:
    return Goal(
        f"planning {HUGE:,} tests",
        f"< {PLANNING_SECONDS:.0f} s",
        f"{seconds:.2f} s",
        seconds < PLANNING_SECONDS,
    )
