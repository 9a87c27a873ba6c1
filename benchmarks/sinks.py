"""What the sinks cost: microseconds a fact, memory, and the time of one repaint, on an imagined run.

Rules: `python -m benchmarks.sinks [TESTS]` prints one table; every sink has a process of its own, so that its
memory is its own; processor time is counted (all threads), not the clock. The row `fold only` is the state
without any sink, which every other row contains as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from test_framework.core.run_state import RunState
from test_framework.core.verdict import Rules, judge
from test_framework.model import facts as f
from test_framework.model import wire
from test_framework.model.outcome import Outcome
from test_framework.sinks import painter
from test_framework.sinks.console import Console
from test_framework.sinks.ink import Look
from test_framework.sinks.jsonl import JsonLines
from test_framework.sinks.junit import JunitFile
from test_framework.sinks.outlet import Outlet, write_fully
from test_framework.sinks.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from test_framework.sinks.protocol import Sink

TESTS = 100_000
KINDS = ("fold only", "console plain", "console live", "json lines", "junit")
FAILURES_EACH = 1000
"""one test in so many fails, with a traceback"""
FACTS_A_TICK = 500
"""as many as come between two ticks when 5,000 facts arrive a second"""
_TRACEBACK = "\n".join(f"    line {number} of a traceback" for number in range(30)) + "\nE   assert 3 == 4"


def facts(tests: int) -> Iterator[f.Fact]:
    """A run of two lanes; a passing test is a start and an end."""
    yield f.RunStarted(
        apex_version="0",
        project_root="/project",
        mode="ci",
        environment="test",
        interpreter="python",
        lanes=2,
    )
    yield f.RunPlanned(collected=tests, planned=tests)
    yield f.LayerStarted(layer="fast_feedback", tests=tests, budget_seconds=600.0, estimate_seconds=300.0)
    for number in range(tests):
        test = f"tests/area_{number // 10_000}/test_part_{number // 100}.py::TestPart::test_case[{number}]"
        worker = f"gw{number % 2}"
        yield f.TestStarted(test=test, attempt=1, category="unit", layer="fast_feedback", worker=worker)
        bad = number % FAILURES_EACH == FAILURES_EACH - 1
        yield f.TestFinished(
            test=test,
            attempt=1,
            outcome=Outcome.FAILED if bad else Outcome.PASSED,
            category="unit",
            layer="fast_feedback",
            worker=worker,
            seconds=0.002,
            message="assert 3 == 4" if bad else "",
            detail=_TRACEBACK if bad else "",
            location="tests/test_part.py:7" if bad else "",
        )
    yield f.LayerFinished(layer="fast_feedback", status="failed", seconds=300.0)


def sink_of(kind: str, outlet: Outlet, folder: Path) -> Sink | None:
    match kind:
        case "console plain":
            return Console(outlet, Look(width=100))
        case "console live":
            return Console(outlet, Look(width=100, colour=True), live=True, size=lambda: (100, 40))
        case "json lines":
            return JsonLines(outlet)
        case "junit":
            return JunitFile(folder / "junit.xml")
        case _:
            return None


def measure(kind: str, tests: int) -> None:
    """Run the whole story through one sink; print microseconds a fact and MiB (peak)."""
    state = RunState(run="benchmark")
    lines = kind == "json lines"
    spent = 0.0
    count = 0
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "wb") as nowhere:
        outlet = Outlet(lambda data: write_fully(nowhere.fileno(), data))
        sink = sink_of(kind, outlet, Path(folder))
        for seq, fact in enumerate(facts(tests)):
            line = (
                wire.encode(seq, "2026-01-01T00:00:00.000Z", seq * 0.001, "benchmark", fact) if lines else b""
            )
            stamped = f.Stamped(
                seq=seq, ts="2026-01-01T00:00:00.000Z", elapsed=seq * 0.001, run="", fact=fact, line=line
            )
            begin = time.process_time()
            state.apply(fact, seq * 0.001)
            if sink is not None:
                sink.handle(stamped, state)
                if seq % FACTS_A_TICK == 0:
                    sink.tick(state)
            spent += time.process_time() - begin
            count += 1
        begin = time.process_time()
        if sink is not None:
            sink.close(state, judge(state, Rules()))
        closing = time.process_time() - begin
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(f"{spent / count * 1e6:.2f} {closing * 1e3:.0f} {peak:.0f}")


def repaint() -> tuple[float, int]:
    """Milliseconds of processor time for one frame of a busy screen, and its bytes."""
    state = RunState()
    for fact in facts(2000):
        if not isinstance(fact, f.LayerFinished):
            state.apply(fact, 1.0)
    for number in range(4):
        state.running[f"gw{number}"] = (f"tests/test_slow.py::test_that_takes_very_long[{number}]", 0.0)
    look, screen = Look(width=120, height=40, colour=True), Screen(colour=True)
    rounds, size = 500, 0
    begin = time.process_time()
    for number in range(rounds):
        size = len(screen.frame("", painter.region(state, 10.0 + number, look), look.width).encode())
    return (time.process_time() - begin) / rounds * 1e3, size


def timer_cost() -> float:
    """Microseconds that asking for processor time twice costs by itself."""
    begin = time.process_time()
    for _ in range(100_000):
        time.process_time()
        time.process_time()
    return (time.process_time() - begin) / 100_000 * 1e6


def main(arguments: list[str]) -> int:
    """Print the table; with a kind and a number: measure that one."""
    if len(arguments) == 2:
        measure(arguments[0], int(arguments[1]))
        return 0
    tests = int(arguments[0]) if arguments else TESTS
    print(f"{tests} tests, {2 * tests + 4} facts; the timer ({timer_cost():.1f} us) is taken off")
    print(f"{'sink':<14} {'us a fact':>10} {'beyond fold':>12} {'close ms':>9} {'peak MiB':>9}")
    fold = 0.0
    for kind in KINDS:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.sinks", kind, str(tests)],
            check=True,
            capture_output=True,
            text=True,
        )
        cost, closing, peak = (float(each) for each in done.stdout.split())
        cost = max(cost - timer_cost() / 2, 0.0)
        fold = fold or cost
        print(f"{kind:<14} {cost:>10.2f} {cost - fold:>12.2f} {closing:>9.0f} {peak:>9.0f}")
    milliseconds, size = repaint()
    print(f"one repaint: {milliseconds:.2f} ms, {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
