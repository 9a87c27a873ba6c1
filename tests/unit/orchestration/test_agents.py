from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from test_framework.core.run_state import RunState
from test_framework.engine.journal import Journal
from test_framework.engine.redaction import Redactor
from test_framework.model import facts as f
from test_framework.model.errors import UserError
from test_framework.orchestration.agent import OrchestrationAgentInterface, plain
from test_framework.orchestration.background_e2e_agent import BackgroundE2EAgent
from test_framework.orchestration.crew import Crew
from test_framework.orchestration.progress_streaming_agent import ProgressStreamingAgent
from test_framework.orchestration.resource_management_agent import ResourceManagementAgent, available_memory
from test_framework.orchestration.test_orchestrator_agent import TestOrchestratorAgent


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Answer:
    colour: Colour
    places: tuple[Path, ...]


class Painter(OrchestrationAgentInterface):
    verb = "paint"

    async def paint(self, where: str, colour: str = "red") -> Answer:
        return Answer(Colour(colour), (Path(where),))


def execute(agent: OrchestrationAgentInterface, request: dict[str, Any]) -> dict[str, Any]:
    return asyncio.run(agent.execute(request))


def test_execute_is_the_typed_verb_with_plain_values_in_and_out() -> None:
    assert execute(Painter(), {"where": "wall"}) == {"colour": "red", "places": ["wall"]}


def test_a_request_that_cannot_be_read_is_refused_with_what_would_be() -> None:
    with pytest.raises(UserError, match=r"unknown member .* 'wher'; did you mean where"):
        execute(Painter(), {"wher": "wall"})
    with pytest.raises(UserError, match="needs where"):
        execute(Painter(), {})


def test_an_agent_with_neither_verb_nor_execute_says_so() -> None:
    class Idle(OrchestrationAgentInterface):
        pass

    with pytest.raises(NotImplementedError, match="Idle"):
        execute(Idle(), {})


def test_plain_values_survive_json() -> None:
    value = {"set": {2, 1}, Colour.RED: Answer(Colour.RED, ()), "deep": [(1, None, 2.5, True)]}
    found = plain(value)
    assert found["set"] == [1, 2]
    assert found["deep"] == [[1, None, 2.5, True]]
    assert json.loads(json.dumps(found)) == found


def test_the_orchestrator_says_which_layers_and_categories_would_run(tmp_path: Path) -> None:
    agent = TestOrchestratorAgent(project_root=str(tmp_path))
    assert execute(agent, {"mode": "nightly"})["layers"] == [
        "fast_feedback",
        "core_integration",
        "service_integration",
    ]
    assert execute(agent, {"categories": ["integration"]})["categories"] == [
        "unit",
        "database",
        "integration",
    ]
    with pytest.raises(UserError, match="unknown layer 'fast'"):
        execute(agent, {"layers": ["fast"]})


def test_the_background_agent_knows_a_project_s_background_layers_and_runs(tmp_path: Path) -> None:
    agent = BackgroundE2EAgent(project_root=tmp_path)
    found = execute(agent, {})
    assert (found["background_layers"], found["runs"]) == (["e2e_background"], [])
    with pytest.raises(UserError, match="no background run is called r1"):
        execute(agent, {"cancel": "r1"})


def test_memory_of_the_control_group_counts(tmp_path: Path) -> None:
    machine = available_memory(tmp_path / "none")
    assert machine > 0
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("2000000\n")
    assert available_memory(tmp_path) == 3_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) >= machine // 2
    assert execute(ResourceManagementAgent(), {})["cpus"] >= 1


class Recording:
    name = "recording"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def handle(self, stamped: f.Stamped, state: RunState) -> None:
        self.seen.append(stamped.fact.WIRE_TYPE)

    def tick(self, state: RunState) -> None:
        pass

    def close(self, state: RunState, verdict: Any) -> None:
        self.seen.append(f"closed with {int(verdict.exit_code)}")


def recorded_run(directory: Path, *facts: f.Fact) -> Path:
    with (directory / "facts.jsonl").open("wb") as file:
        journal = Journal("run-1", file.fileno(), lambda *_: None, Redactor({}))
        for fact in facts:
            journal.record(fact)
        journal.flush()
    return directory


START = f.RunStarted(apex_version="0", project_root="/p", mode="m", environment="test", interpreter="python")


def test_the_progress_agent_tells_a_recorded_run_again(tmp_path: Path) -> None:
    run = recorded_run(tmp_path, START, f.RunFinished(exit_code=1, reasons=("1 failed",)))
    sink = Recording()
    agent = ProgressStreamingAgent(sinks=[sink])
    told = execute(agent, {"run_directory": str(run)})
    assert told == {"run": "run-1", "facts": 2, "exit_code": 1, "sinks": ["recording"], "failed": {}}
    assert sink.seen == ["run.started", "run.finished", "closed with 1"]
    with pytest.raises(UserError, match="closed its sinks"):
        execute(agent, {"run_directory": str(run)})


def test_a_run_whose_host_died_is_told_as_incomplete(tmp_path: Path) -> None:
    sink = Recording()
    told = execute(ProgressStreamingAgent(sinks=[sink]), {"run_directory": recorded_run(tmp_path, START)})
    assert told["exit_code"] is None
    assert sink.seen[-1] == "closed with 14"


def test_every_fact_of_a_recorded_run_reaches_a_websocket_one_by_one(tmp_path: Path) -> None:
    starts = [
        f.TestStarted(test=f"t{number}", attempt=1, category="unit", layer="fast", worker="gw0")
        for number in range(300)
    ]

    got: list[str] = []

    class Everybody:
        async def broadcast(self, message: dict[str, Any]) -> None:
            got.append(message.get("test", message["type"]))

    run = recorded_run(tmp_path, START, *starts)
    execute(ProgressStreamingAgent(websocket_manager=Everybody()), {"run_directory": run})
    assert got == ["run.started", *(f"t{number}" for number in range(300))]


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"facts\.jsonl: No such file"):
        execute(ProgressStreamingAgent(), {"run_directory": tmp_path})


class Follower(OrchestrationAgentInterface):
    def __init__(self, log: list[str], name: str, ready: Any = True) -> None:
        self.log, self.name, self.ready = log, name, ready

    async def initialize(self) -> bool:
        self.log.append(f"{self.name} up")
        return self.ready  # type: ignore[no-any-return]

    async def shutdown(self) -> None:
        self.log.append(f"{self.name} down")
        if self.name == "second":
            raise RuntimeError("stuck")


def test_agents_come_up_once_and_go_down_in_the_opposite_order_whatever_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log: list[str] = []
    crew = Crew(None, first=Follower(log, "first"), second=Follower(log, "second", ready=None))

    async def scene() -> None:
        await crew.make_ready()
        await crew.make_ready()

        async def later() -> None:
            log.append("cleaned")

        def broken() -> None:
            raise OSError("no")

        crew.handlers += [later, broken]
        await crew.dismiss()
        await crew.dismiss()

    asyncio.run(scene())
    assert log[:5] == ["first up", "second up", "second down", "first down", "cleaned"]
    assert log.count("cleaned") == 1
    assert crew.problems[0] == "shutting down agent second failed: RuntimeError: stuck"
    assert "broken failed: OSError: no" in crew.problems[1]
    assert len(caplog.records) >= 2


def test_an_agent_that_is_not_ready_keeps_everything_from_running() -> None:
    with pytest.raises(UserError, match="agent lame is not ready"):
        asyncio.run(Crew(None, lame=Follower([], "lame", ready=False)).make_ready())


def test_an_agent_that_cannot_say_how_it_is_is_not_healthy() -> None:
    class Silent(OrchestrationAgentInterface):
        def get_health_status(self) -> dict[str, Any]:
            raise ValueError("no words")

    assert Crew(None, silent=Silent()).health() == {
        "silent": {"agent": "Silent", "healthy": False, "problem": "ValueError: no words"}
    }
