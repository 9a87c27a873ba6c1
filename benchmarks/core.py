"""`python -m benchmarks.core [TESTS ...]`: what one test costs in the scheduler and the fold, and what planning costs.

Rules: only the core's own calls are timed (facts are made beforehand, no journal, no lanes); the median of
several rounds is printed for every size, so that a cost that grows with the size shows.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.synthetic_tests import collected_tests
from test_framework.configuration.load import load_settings
from test_framework.core.classification import Classifier
from test_framework.core.instructions import (
    CloseLane,
    Finish,
    LaneEnded,
    LaneReady,
    OpenLane,
    StartUnit,
    UnitEnded,
)
from test_framework.core.planning import Known, make_plan
from test_framework.core.run_state import RunState
from test_framework.core.scheduler import Scheduler, worker_name
from test_framework.core.selection import Wish
from test_framework.model import facts as f
from test_framework.model.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from test_framework.core.instructions import Instruction, Signal
    from test_framework.model.plan import Plan, Unit

SIZES = (10_000, 100_000)
LANES = 4
GOAL_MICROSECONDS = 20.0
"""TestStarted and TestFinished together: 10 microseconds each."""
GOAL_PLANNING_SECONDS = 1.0


def planned(count: int) -> tuple[Plan, float]:
    """A plan of so many tests with known durations, and the seconds that classifying and planning them took."""
    settings = load_settings(Path("/nonexistent"))
    tests = collected_tests(count)
    known = Known(seconds={test.id: 0.002 + (test.index % 97) / 5000 for test in tests})
    wish = Wish(explicit_paths=True, lanes=LANES, test_timeout=60.0)
    gc.collect()
    began = time.perf_counter()
    plan = make_plan(settings, wish, tests, Classifier(settings).category_of, known).plan
    Scheduler(plan)
    return plan, time.perf_counter() - began


def facts_of(unit: Unit, lane: int) -> list[f.Fact | Signal]:
    """Everything that a lane says about a unit whose tests pass."""
    said: list[f.Fact | Signal] = []
    place = {"category": unit.category, "layer": unit.layer, "worker": worker_name(lane), "attempt": 1}
    for test in unit.tests:
        said.append(f.TestStarted(test=test, **place))  # type: ignore[arg-type]
        said.append(
            f.TestFinished(test=test, outcome=Outcome.PASSED, seconds=0.01, **place)  # type: ignore[arg-type]
        )
    said.append(UnitEnded(lane=lane, unit=unit.id))
    return said


def run(plan: Plan) -> tuple[float, int]:
    """Seconds spent in the core for one whole run of passing tests, and the tests that it counted."""
    scheduler, state = Scheduler(plan), RunState()
    inbox: deque[list[f.Fact | Signal]] = deque()
    spent, now, over = 0.0, 0.0, False

    def obey(instructions: list[Instruction]) -> None:
        nonlocal over
        for instruction in instructions:
            match instruction:
                case OpenLane():
                    inbox.append([LaneReady(lane=instruction.lane)])
                case StartUnit():
                    inbox.append(facts_of(instruction.unit, instruction.lane))
                case CloseLane():
                    inbox.append([LaneEnded(lane=instruction.lane)])
                case Finish():
                    over = True

    obey(scheduler.start(now))
    clock = time.perf_counter
    while not over:
        for event in inbox.popleft():
            now += 0.001
            began = clock()
            if isinstance(event, f.TestStarted | f.TestFinished):
                state.apply(event, now)
            answer = scheduler.handle(event, now)
            spent += clock() - began
            if answer:
                obey(answer)
    return spent, len(state.final)


def measure(count: int, rounds: int) -> tuple[float, float]:
    """(microseconds a test, seconds of planning): medians."""
    costs, planning = [], []
    for _ in range(rounds):
        plan, seconds = planned(count)
        planning.append(seconds)
        gc.collect()
        spent, ran = run(plan)
        if ran != count:
            raise SystemExit(f"only {ran} of {count} tests were run: this measured nothing")
        costs.append(spent / count * 1e6)
    return statistics.median(costs), statistics.median(planning)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.core", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("tests", nargs="*", type=int, default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    print(f"scheduler and fold, {LANES} lanes, Python {sys.version.split()[0]}, median of {arguments.rounds}")
    print("| tests | microseconds a test (start and end together) | planning, seconds | peak memory, MiB |")
    print("|---|---|---|---|")
    missed = False
    for count in arguments.tests:
        cost, planning = measure(count, arguments.rounds)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {count:,} | {cost:.1f} | {planning:.2f} | {memory:.0f} |")
        missed = missed or cost > GOAL_MICROSECONDS or planning > GOAL_PLANNING_SECONDS
    print(
        f"goals: at most {GOAL_MICROSECONDS:.0f} microseconds a test, planning in {GOAL_PLANNING_SECONDS:.0f} s"
    )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
