"""A whole run of many tests without any test: plan, dispatcher and journal in one bare process.

Rules: started as a process of its own (`python -m benchmarks.synthetic COUNT`), so that its memory is only
what these parts need; every test is started and finished by an imagined lane; it prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from test_framework.core.classification import Classifier
from test_framework.core.planning import Known, Planned, make_plan
from test_framework.core.selection import Wish
from test_framework.core.settings import CategorySettings, Settings
from test_framework.engine.dispatcher import Dispatcher
from test_framework.engine.executor import Collection, SessionEnd
from test_framework.engine.journal import Journal
from test_framework.engine.redaction import Redactor
from test_framework.model.plan import TestInfo

if TYPE_CHECKING:
    from test_framework.core.instructions import Force
    from test_framework.engine.executor import Listener

TESTS_A_FILE = 100
LANES = 2
TEST_SECONDS = 0.001


def collected(count: int) -> list[TestInfo]:
    """What a collection of `count` tests in files of a hundred would bring."""
    marks = frozenset({"parametrize"})
    found = []
    for index in range(count):
        file = f"tests/unit/area_{index // 10_000}/test_part_{index // TESTS_A_FILE}.py"
        line = 3 + 4 * (index % TESTS_A_FILE)
        found.append(TestInfo(f"{file}::test_case_{index}", index, file, line, chain=file, marks=marks))
    return found


def plan_of(tests: list[TestInfo]) -> Planned:
    """Plan them all, with a known duration for every test."""
    categories = {
        name: CategorySettings(name=name, paths=()) for name in ("unit", "integration", "api", "smoke")
    }
    settings = Settings(environment="test", layers={}, categories=categories, modes={})
    known = Known(seconds={test.id: TEST_SECONDS for test in tests})
    wish = Wish(explicit_paths=True, lanes=LANES, fail_fast_mode="disabled")
    return make_plan(settings, wish, tests, Classifier(settings).category_of, known)


class ImaginedLanes:
    """An executor whose lanes answer every unit at once: all its tests passed."""

    def __init__(self) -> None:
        self._listener: Listener | None = None
        self._loop = asyncio.get_running_loop()

    async def collect(self) -> Collection:
        raise NotImplementedError("an imagined run is collected by `collected`")

    def begin(self, listener: Listener, lanes: int, asks: bool) -> None:
        del lanes, asks  # imagined tests never fail, so no lane ever asks
        self._listener = listener

    def open_lane(self, lane: int) -> None:
        self._loop.call_soon(self._open, lane)

    def tell_lane(self, lane: int, message: dict[str, Any]) -> None:
        self._loop.call_soon(self._answer, lane, message)

    def stop_lane(self, lane: int, force: Force, index: int, why: str, message: str) -> None:
        raise NotImplementedError(f"nothing stops an imagined lane: {lane, force, index, why, message}")

    def hungry(self, lane: int, hungry: bool) -> None:
        """Imagined lanes never wait."""

    async def end_session(self, failed: int) -> SessionEnd:
        return SessionEnd(status=int(failed > 0), text="")

    async def close(self) -> None:
        """Nothing is left of them."""

    def _open(self, lane: int) -> None:
        listener = self._listening()
        listener.lane_started(lane, 1, 1)
        listener.lane_said(lane, ["r"])
        listener.batch_over()

    def _answer(self, lane: int, message: dict[str, Any]) -> None:
        listener = self._listening()
        if message["op"] == "unit":
            for index in message["tests"]:
                listener.lane_said(lane, ["s", index])
                listener.lane_said(lane, ["p", index, TEST_SECONDS])
            listener.lane_said(lane, ["u", message["unit"]])
        elif message["op"] == "close":
            listener.lane_ended(lane, "", "", oom=False)
        listener.batch_over()

    def _listening(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("a lane was spoken to before the run began")
        return self._listener


async def run(planned: Planned, tests: list[TestInfo], journal: Journal) -> None:
    """Carry the plan out to its end."""
    by_id = {test.id: test for test in tests}
    dispatcher = Dispatcher(planned.plan, by_id, ImaginedLanes(), journal, on_tick=lambda: None)
    await dispatcher.run()


def peak_memory() -> int:
    """Most resident memory this process ever had, in bytes."""
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main(count: int) -> dict[str, float]:
    """Plan and run `count` imagined tests; seconds of processor time, bytes."""
    tests = collected(count)
    began = time.process_time()
    planned = plan_of(tests)
    after_plan = time.process_time()
    with tempfile.TemporaryFile() as file:
        journal = Journal("synthetic", file.fileno(), lambda _fact, _state: None, Redactor({}))
        asyncio.run(run(planned, tests, journal))
    if journal.state.executed != count:
        raise SystemExit(
            f"{journal.state.executed} of {count} tests were executed: the imagined run is not one"
        )
    return {
        "tests": count,
        "plan_seconds": after_plan - began,
        "run_seconds": time.process_time() - after_plan,
        "peak_bytes": peak_memory(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))) + "\n")
