"""`python -m benchmarks.history [--tests N] [--runs N]`: what the history costs a run of many tests.

Rules: real files of runs are written first, outside the clock; adding a run is timed with reading its file and with
everything that opening takes; medians; 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.synthetic_tests import collected_tests
from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.model.wire import encode
from test_framework.records.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TESTS = 10_000
RUNS = 20
FAILURES_EACH = 200
"""one test in so many fails"""
GOAL_ADDING_SECONDS = 1.0
GOAL_KNOWING_SECONDS = 0.05


def write_run(base: Path, number: int, tests: int) -> None:
    """A run in which other tests fail each time."""
    run = f"20260101-{number // 3600:02d}{number // 60 % 60:02d}{number % 60:02d}-{number:06x}"
    folder = base / "runs" / run
    folder.mkdir(parents=True)
    place = {"attempt": 1, "category": "unit", "layer": "fast_feedback", "worker": "gw0"}
    facts: list[f.Fact] = [
        f.RunStarted(
            apex_version="0", project_root="/p", mode="nightly", environment="test", interpreter="python"
        ),
        f.RunPlanned(collected=tests, planned=tests),
    ]
    bad = 0
    for test in collected_tests(tests):
        failed = (test.index + number * 7) % FAILURES_EACH == 0
        bad += failed
        facts.append(f.TestStarted(test=test.id, **place))  # type: ignore[arg-type]
        facts.append(
            f.TestFinished(
                test=test.id,
                outcome=Outcome.FAILED if failed else Outcome.PASSED,
                seconds=0.002 + (test.index + number) % 97 / 5000,
                message="assert 3 == 4" if failed else "",
                detail="tests/test_x.py:3: AssertionError\n" * 20 if failed else "",
                **place,  # type: ignore[arg-type]
            )
        )
    facts.append(f.RunFinished(exit_code=int(bad > 0), collected=tests, executed=tests))
    lines = [
        encode(seq, f"2026-01-01T00:00:{number:02d}.000000Z", seq * 0.001, run, fact)
        for seq, fact in enumerate(facts)
    ]
    (folder / "facts.jsonl").write_bytes(b"\n".join(lines) + b"\n")


def add(base: Path) -> None:
    """What a run does at its end."""
    history = History(base)
    if history.catch_up() != 1 or history.notes:
        raise SystemExit(f"the run was not added, this measured nothing: {history.notes}")
    history.close()


def know(base: Path, tests: int) -> None:
    """What a run does at its start."""
    history = History(base)
    known = history.remembered()
    if len(known.seconds) != tests:
        raise SystemExit(f"{len(known.seconds)} of {tests} tests are known: this measured nothing")
    history.close()


def timed(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.history", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--tests", type=int, default=TESTS)
    parser.add_argument("--runs", type=int, default=RUNS)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="apex-history-") as folder:
        base = Path(folder)
        adding = []
        for number in range(arguments.runs):
            write_run(base, number, arguments.tests)
            adding.append(timed(lambda: add(base)))
        knowing = statistics.median(timed(lambda: know(base, arguments.tests)) for _ in range(7))
        history = History(base)
        rebuilding = timed(lambda: _rebuild(history, arguments.runs))
        size = history.path.stat().st_size / 1024 / 1024
        history.close()
    first, later = adding[0], statistics.median(adding[1:] or adding)
    print(f"{arguments.tests:,} tests, {arguments.runs} runs, Python {sys.version.split()[0]}")
    print("| what | seconds | goal |")
    print("|---|---|---|")
    print(f"| add the first run | {first:.3f} | {GOAL_ADDING_SECONDS:.2f} |")
    print(f"| add a later run (median) | {later:.3f} | {GOAL_ADDING_SECONDS:.2f} |")
    print(f"| open and read what planning wants (median) | {knowing:.3f} | {GOAL_KNOWING_SECONDS:.2f} |")
    print(f"| rebuild all | {rebuilding:.3f} | |")
    print(f"\nsize: {size:.1f} MiB")
    return int(max(first, later) > GOAL_ADDING_SECONDS or knowing > GOAL_KNOWING_SECONDS)


def _rebuild(history: History, runs: int) -> None:
    if history.rebuild() != runs:
        raise SystemExit(f"not all was rebuilt: {history.notes}")


if __name__ == "__main__":
    sys.exit(main())
