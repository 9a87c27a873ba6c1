"""The dispatcher with an imagined executor: messages in, facts out, and nothing is shown that is not journaled."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from test_framework.core.instructions import Force
from test_framework.core.run_state import RunState
from test_framework.engine.dispatcher import Dispatcher
from test_framework.engine.executor import Collection, Listener, SessionEnd
from test_framework.engine.journal import Journal
from test_framework.engine.redaction import Redactor
from test_framework.model.facts import Stamped
from test_framework.model.outcome import Outcome
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan, TestInfo
from test_framework.records.runs import read_facts

SECONDS = 20.0


class ImaginedLanes:
    """Lanes that do with each test what `fates` says: pass, fail, die, warn, or wait until they are killed."""

    def __init__(self, fates: dict[int, str]) -> None:
        self.fates = fates
        self.listener: Listener | None = None
        self.asks = False
        self.generation = 0
        self.told: list[dict[str, Any]] = []
        self.stopped: list[tuple[Force, str]] = []
        self.work: dict[int, deque[list[Any]]] = {}
        """lane -> what it has still to do; a lane that is not in it is gone"""
        self.waits: set[int] = set()
        self.loop = asyncio.get_running_loop()

    async def collect(self) -> Collection:
        raise AssertionError("nothing is collected here")

    def begin(self, listener: Listener, lanes: int, asks: bool) -> None:
        self.listener, self.asks = listener, asks

    def open_lane(self, lane: int) -> None:
        self.generation += 1
        self.work[lane] = deque([["born", self.generation]])
        self.waits.discard(lane)
        self.loop.call_soon(self.step, lane)

    def tell_lane(self, lane: int, message: dict[str, Any]) -> None:
        self.told.append(message)
        if lane not in self.work:
            return
        if message["op"] == "unit":
            self.work[lane] += [["test", index] for index in message["tests"]]
            self.work[lane].append(["said", ["u", message["unit"]]])
        elif message["op"] == "close":
            self.work[lane].append(["end"])
        elif message["op"] == "go":
            self.waits.discard(lane)
        self.loop.call_soon(self.step, lane)

    def step(self, lane: int) -> None:
        """Do everything that the lane can do now."""
        while lane in self.work and self.work[lane] and lane not in self.waits:
            kind, *rest = self.work[lane].popleft()
            if kind == "born":
                self.listener.lane_started(lane, rest[0], 1000 + rest[0])
                self.say(lane, ["r"])
            elif kind == "said":
                self.say(lane, rest[0])
            elif kind == "end":
                self.end(lane, "")
            else:
                self.run_test(lane, rest[0])

    def run_test(self, lane: int, index: int) -> None:
        self.say(lane, ["s", index])
        match self.fates.get(index, "pass"):
            case "die":
                self.end(lane, "killed by SIGSEGV", "the stack")
            case "wait":
                self.waits.add(lane)
            case "fail":
                if self.asks:
                    self.waits.add(lane)
                self.say(
                    lane,
                    ["f", index, 0.2, {"outcome": "failed", "message": "no", "sections": [["out", "text"]]}],
                )
            case "warn":
                self.say(lane, ["w", ["UserWarning", "careful", "runtest", "t", "x.py:1"], 2])
                self.say(lane, ["p", index, 0.1])
            case _:
                self.say(lane, ["p", index, 0.1])

    def say(self, lane: int, message: list[Any]) -> None:
        self.listener.lane_said(lane, message)
        self.listener.batch_over()

    def end(self, lane: int, reason: str, stack: str = "") -> None:
        if self.work.pop(lane, None) is not None:
            self.listener.lane_ended(lane, reason, stack, False)
            self.listener.batch_over()

    def stop_lane(self, lane: int, force: Force, index: int, why: str, message: str) -> None:
        self.stopped.append((force, why))
        if force is Force.AFTER_TEST and self.fates.get(index) != "wait":
            self.waits.discard(lane)
            self.work[lane] = deque([["end"]])
            self.loop.call_soon(self.step, lane)
        elif force >= Force.TERMINATE:
            self.loop.call_soon(self.end, lane, "killed by SIGTERM")

    def hungry(self, lane: int, hungry: bool) -> None:
        """Imagined lanes are always read at once."""

    async def end_session(self, failed: int) -> SessionEnd:
        return SessionEnd(0, "")

    async def close(self) -> None:
        """Nothing is left of them."""


def plan(count: int, **limits: Any) -> tuple[Plan, dict[str, TestInfo]]:
    """`count` tests in one category; each is a chain of its own unless `together`."""
    together = limits.pop("together", False)
    infos = [
        TestInfo(f"t{n}", n, "t.py", n + 1, chain="t.py" if together else f"c{n}", linked=together and n > 0)
        for n in range(count)
    ]
    chains: dict[str, list[TestInfo]] = {}
    for info in infos:
        chains.setdefault(info.chain, []).append(info)
    rows = tuple(
        Chain(key, tuple(t.id for t in tests), tuple(0.1 for _ in tests), tuple(t.linked for t in tests))
        for key, tests in chains.items()
    )
    category = CategoryPlan("unit", rows, test_timeout_seconds=limits.pop("test_timeout", None))
    return Plan((LayerPlan("l", "L", (category,)),), grace_seconds=0.2, **limits), {
        info.id: info for info in infos
    }


def carried_out(
    tmp_path: Path, fates: dict[int, str], count: int = 3, cancel_at: str = "", **limits: Any
) -> tuple[RunState, list[Stamped], ImaginedLanes]:
    """Run it; the state, the facts of the file, and the lanes. `cancel_at`: interrupt when this test starts."""
    made, tests = plan(count, **limits)
    path = tmp_path / "facts.jsonl"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    found: list[Any] = []

    async def run() -> None:
        def publish(stamped: Stamped, state: RunState) -> None:
            assert stamped.line in path.read_bytes()
            if cancel_at and stamped.fact.WIRE_TYPE == "test.started" and stamped.fact.test == cancel_at:
                loop.call_soon(lambda: dispatcher.cancel("interrupt", "enough"))

        loop = asyncio.get_running_loop()
        lanes = ImaginedLanes(fates)
        journal = Journal("r", fd, publish, Redactor({}))
        dispatcher = Dispatcher(made, tests, lanes, journal, on_tick=lambda: None)
        await asyncio.wait_for(dispatcher.run(), SECONDS)
        found.extend([journal.state, lanes])

    asyncio.run(run())
    os.close(fd)
    return found[0], list(read_facts(path)), found[1]


def outcomes(state: RunState) -> dict[str, str]:
    return {test: outcome.value for test, outcome in state.final.items()}


def test_every_test_of_the_plan_is_started_and_finished_once(tmp_path: Path) -> None:
    state, facts, _ = carried_out(tmp_path, {}, 20, lanes=3)
    assert outcomes(state) == {f"t{n}": "passed" for n in range(20)}
    kinds = [stamped.fact.WIRE_TYPE for stamped in facts]
    assert (kinds.count("test.started"), kinds.count("test.finished")) == (20, 20)
    assert [stamped.seq for stamped in facts] == list(range(len(facts)))


def test_a_failure_brings_what_the_lane_said_of_it(tmp_path: Path) -> None:
    state, _, _ = carried_out(tmp_path, {1: "fail"}, fail_fast_mode="disabled", together=True)
    assert outcomes(state) == {"t0": "passed", "t1": "failed", "t2": "passed"}
    failure = state.failures["t1"]
    assert (failure.message, failure.location, failure.sections) == ("no", "t.py:2", (("out", "text"),))


def test_a_lane_that_dies_costs_its_test_and_a_new_one_goes_on(tmp_path: Path) -> None:
    state, facts, lanes = carried_out(tmp_path, {1: "die"}, fail_fast_mode="disabled", together=True)
    assert outcomes(state) == {"t0": "passed", "t1": "crashed", "t2": "passed"}
    assert state.failures["t1"].message == "killed by SIGSEGV"
    assert lanes.generation == 2
    (lost,) = [stamped.fact for stamped in facts if stamped.fact.WIRE_TYPE == "worker.lost"]
    assert (lost.generation, lost.test) == (1, "t1")


def test_a_test_over_its_limit_is_stopped_and_its_lane_replaced(tmp_path: Path) -> None:
    state, _, lanes = carried_out(
        tmp_path,
        {1: "wait"},
        fail_fast_mode="disabled",
        together=True,
        test_timeout=0.1,
        shutdown_seconds=0.5,
    )
    assert outcomes(state) == {"t0": "passed", "t1": "timed_out", "t2": "passed"}
    assert lanes.stopped[0] == (Force.INTERRUPT, "timed_out")
    assert max(force for force, _ in lanes.stopped) >= Force.TERMINATE


def test_an_interrupt_owes_what_has_not_finished_and_the_ledger_adds_up(tmp_path: Path) -> None:
    state, _, _ = carried_out(tmp_path, {1: "wait"}, 4, cancel_at="t1", together=True, shutdown_seconds=0.5)
    assert outcomes(state)["t0"] == "passed"
    assert set(state.owed) == {"t1", "t2", "t3"}
    assert state.executed + len(state.owed) == 4
    assert state.stop_message == "enough"


def test_the_first_failure_stops_the_run_where_it_is_asked_to(tmp_path: Path) -> None:
    state, _, _ = carried_out(tmp_path, {0: "fail"}, 5, together=True, max_failures=1)
    assert state.final["t0"] is Outcome.FAILED
    assert set(state.owed) >= {"t2", "t3", "t4"}


def test_warnings_are_counted(tmp_path: Path) -> None:
    state, _, _ = carried_out(tmp_path, {0: "warn"}, 1)
    assert (state.warning_count, state.warnings[0].message) == (2, "careful")


def test_the_environment_of_a_category_is_told_to_each_lane_once(tmp_path: Path) -> None:
    _, _, lanes = carried_out(tmp_path, {}, 6, lanes=1)
    told = [message["environment"] for message in lanes.told if "environment" in message]
    assert told == [{"APEX_LAYER": "l", "APEX_CATEGORY": "unit", "TEST_ENV": "test"}]


@pytest.mark.parametrize("count", [0, 1])
def test_a_plan_with_hardly_anything_ends(tmp_path: Path, count: int) -> None:
    state, _, _ = carried_out(tmp_path, {}, count)
    assert state.executed == count
