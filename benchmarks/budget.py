"""Faulty edits within a fixed time: `python -m benchmarks.budget [--python EXE] [--seconds N] [--edits N]`.

Rules: a suite that takes longer than the budget is generated; each edit breaks one function, and every contender has
the same time to find that out: ours (`--time`), plain pytest in its own order, with --ff, and in random order. What is
not over in time is stopped. Every row is printed. Ends with 1 where ours was late or found fewer faults than another.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import commands

MODULES, TESTS, TEST_SECONDS = 60, 10, 0.05
MOST_OVERSHOOT = 2.0
GOOD, BAD = "def value(n):\n    return n\n", "def value(n):\n    return n + 1\n"
MODULE = """
import time
import pytest
from package.lib{0} import value

@pytest.mark.parametrize("n", range({1}))
def test_{0}(n):
    time.sleep({2})
    assert value(n) == n
"""


@dataclass
class Row:
    """One contender: seconds to the first failure of the edits whose fault it saw, and of all its runs."""

    name: str
    found: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)


def make_project(root: Path) -> None:
    (root / "package").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "package" / "__init__.py").touch()
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    for number in range(MODULES):
        (root / "package" / f"lib{number:02}.py").write_text(GOOD)
        text = MODULE.format(f"{number:02}", TESTS, TEST_SECONDS)
        (root / "tests" / f"test_{number:02}.py").write_text(text)


def first_failure(argv: list[str], cwd: Path, mark: str, budget: float) -> tuple[float | None, float]:
    """(seconds until a line with `mark`, or None; seconds until its end). It is interrupted after the budget."""
    began = time.monotonic()
    with subprocess.Popen(
        argv, cwd=cwd, env=commands.environment() | {"PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        clock = threading.Timer(budget + 2 * MOST_OVERSHOOT, os.killpg, (process.pid, signal.SIGKILL))
        clock.start()
        found = None
        assert process.stdout is not None
        for line in process.stdout:
            now = time.monotonic() - began
            if found is None and mark in line and now <= budget:
                found = now
            if now > budget and mark == "FAILED":
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
        process.wait()
        clock.cancel()
    return found, time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--python", default=sys.executable, help="3.12 or newer with pytest; else no order by change"
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--edits", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    pytest = [options.python, "-m", "pytest", "-v", "--tb=no"]
    ours = [
        *commands.our_command(), "--python", options.python, "--fail-fast-mode", "disabled",
        "--progress-mode", "json",
    ]  # fmt: skip
    rows = {name: Row(name) for name in ("ours", "pytest", "pytest --ff", "pytest, random order")}
    with tempfile.TemporaryDirectory(prefix="apex-budget-") as folder:
        root = Path(folder) / "project"
        make_project(root)
        files = sorted(str(path.relative_to(root)) for path in (root / "tests").iterdir())
        print(
            f"{len(files) * TESTS} tests of {TEST_SECONDS} s, {options.seconds:g} s for each edit", flush=True
        )
        subprocess.run([*ours, "--", "tests"], cwd=root, stdout=subprocess.DEVNULL, check=True)
        for number in [chance.randrange(MODULES) for _ in range(options.edits)]:
            library = root / "package" / f"lib{number:02}.py"
            library.write_text(BAD)
            shuffled = chance.sample(files, len(files))
            time_limit = f"{options.seconds:g}s"
            for name, argv, mark in (
                ("ours", [*ours, "--no-cache", "--time", time_limit, "--", "tests"], '"outcome":"failed"'),
                ("pytest", [*pytest, "-p", "no:cacheprovider", "tests"], "FAILED"),
                ("pytest --ff", [*pytest, "-o", "cache_dir=.ff_cache", "--ff", "tests"], "FAILED"),
                ("pytest, random order", [*pytest, "-p", "no:cacheprovider", *shuffled], "FAILED"),
            ):
                found, took = first_failure(argv, root, mark, options.seconds)
                rows[name].took.append(took)
                if found is not None:
                    rows[name].found.append(found)
            library.write_text(GOOD)
    return report(rows, options.edits, options.seconds)


def report(rows: dict[str, Row], edits: int, budget: float) -> int:
    print("| contender | faults seen in time | seconds to the first failure, median | longest run, s |")
    print("|---|---|---|---|")
    for row in rows.values():
        first = f"{statistics.median(row.found):.2f}" if row.found else "-"
        print(f"| {row.name} | {len(row.found)} of {edits} | {first} | {max(row.took):.2f} |")
    ours = rows["ours"]
    overshoot = max(ours.took) - budget
    print(f"ours over its time by {overshoot:.2f} s at most (goal: {MOST_OVERSHOOT:g})")
    best = max(len(row.found) for row in rows.values())
    return 0 if overshoot <= MOST_OVERSHOOT and len(ours.found) == best else 1


if __name__ == "__main__":
    sys.exit(main())
