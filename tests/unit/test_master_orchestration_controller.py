"""The controller and its factories as a host meets them: what can be seen without a test being run."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import threading
from argparse import Namespace
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import test_framework.orchestration as orchestration
from test_framework.model.errors import UserError
from test_framework.orchestration import (
    MasterOrchestrationConfig,
    MasterOrchestrationController,
    OrchestrationAgentInterface,
    OrchestrationMode,
)
from tests.orchestrated import here, nothing_left, project

FACTORIES = {
    "create_fast_feedback_controller": "fast_feedback",
    "create_full_layered_controller": "nightly",
    "create_background_only_controller": "background",
    "create_hybrid_controller": "hybrid",
    "create_legacy_controller": "legacy",
}


class Everybody:
    async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> None:
        """Nobody listens."""


def refused(controller: MasterOrchestrationController, arguments: Any = None, **more: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        asyncio.run(controller.execute_orchestration(arguments, **more))
    return caught.value


# -- names and construction ---------------------------------------------------------------------------------------


def test_every_name_of_the_package_is_there() -> None:
    for name in orchestration.__all__:
        assert getattr(orchestration, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = orchestration.nonsense


@pytest.mark.parametrize(("name", "mode"), FACTORIES.items())
def test_a_factory_makes_a_controller_of_its_mode_and_starts_nothing(
    tmp_path: Path, name: str, mode: str
) -> None:
    module = importlib.import_module("test_framework.orchestration.master_orchestration_controller")
    factory = getattr(module, name)
    assert list(inspect.signature(factory).parameters)[:3] == [
        "websocket_manager",
        "thread_id",
        "project_root",
    ]
    with nothing_left():
        controller = factory(websocket_manager=Everybody(), thread_id="thread-1", project_root=tmp_path)
    assert isinstance(controller, MasterOrchestrationController)
    assert controller.get_orchestration_status()["mode"] == mode
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_needs_no_field_at_all() -> None:
    status = MasterOrchestrationController().get_orchestration_status()
    assert (status["state"], status["mode"], status["run"], status["last"]) == ("idle", "legacy", None, None)


def test_every_mode_of_the_command_has_a_member() -> None:
    assert {mode.value for mode in OrchestrationMode} == {
        "fast_feedback", "nightly", "background", "hybrid", "commit", "ci", "weekend", "development", "all", "legacy",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"options": {"lanse": 2}}, "unknown execution argument 'lanse'; did you mean lanes?"),
        ({"options": {"lanes": 0}}, "execution argument lanes is 0"),
        ({"websocket_manager": object(), "thread_id": "t"}, "has no send_to_thread"),
        ({"websocket_manager": Everybody()}, "has no broadcast, and no thread_id was given"),
    ],
)
def test_what_no_execution_could_be_told_is_refused_at_construction(
    config: dict[str, Any], what: str
) -> None:
    with pytest.raises(UserError, match=what):
        MasterOrchestrationController(MasterOrchestrationConfig(**config))


# -- executions that are refused before anything starts ---------------------------------------------------------


@pytest.mark.parametrize(
    "mode", [OrchestrationMode.BACKGROUND, OrchestrationMode.HYBRID, "background", "hybrid"]
)
def test_background_modes_start_nothing_where_that_is_switched_off(tmp_path: Path, mode: Enum | str) -> None:
    (tmp_path / "apex.yaml").write_text("execution_config: {background_execution: {enabled: false}}\n")
    with nothing_left():
        error = refused(MasterOrchestrationController(MasterOrchestrationConfig(mode=mode, **here(tmp_path))))
    assert "background runs are switched off" in error.what


@pytest.mark.parametrize(
    ("arguments", "more", "what"),
    [
        ({"categories": ["untit"]}, {}, "unknown category 'untit'; did you mean unit?"),
        ({"layers": ["fast"]}, {}, "unknown layer 'fast'"),
        ({"execution_mode": "nightyl"}, {}, "unknown execution mode 'nightyl'; did you mean nightly?"),
        (Namespace(category="nonsense"), {}, "unknown category 'nonsense'"),
        ({}, {"categories": ["unit"], "layers": ["fast_feedback"]}, "contradict each other"),
        ({"execution_mode": "nightly"}, {"layers": ["fast_feedback"]}, "contradict each other"),
        ({"python": "/no/such/python"}, {}, "there is no such interpreter"),
        ({"project_root": "/no/such/directory"}, {}, "no such directory"),
        ({"env": "moon"}, {}, "unknown environment"),
    ],
)
def test_a_mistake_is_one_user_error_and_nothing_is_started(
    tmp_path: Path, arguments: Any, more: dict[str, Any], what: str
) -> None:
    controller = orchestration.create_legacy_controller(**here(tmp_path))
    with nothing_left():
        assert what in refused(controller, arguments, **more).what
    assert controller.get_orchestration_status()["state"] == "idle"


def test_an_interpreter_that_is_no_python_is_named_and_reaped(tmp_path: Path) -> None:
    controller = orchestration.create_legacy_controller(
        project_root=project(tmp_path), interpreter="/bin/true"
    )
    with nothing_left():
        assert "is it a Python interpreter?" in refused(controller).what


# -- life ---------------------------------------------------------------------------------------------------------


def test_shutdown_does_its_work_once_also_without_a_start() -> None:
    calls: list[str] = []
    controller = MasterOrchestrationController()

    async def asynchronous() -> None:
        calls.append("asynchronous")

    def broken() -> None:
        calls.append("broken")
        raise RuntimeError("no")

    controller.add_cleanup_handler(lambda: calls.append("first"))
    controller.add_cleanup_handler(asynchronous)
    controller.add_cleanup_handler(broken)

    async def scene() -> None:
        await asyncio.gather(controller.shutdown(), controller.shutdown())
        await controller.shutdown()

    asyncio.run(scene())
    asyncio.run(controller.shutdown())
    assert calls == ["broken", "asynchronous", "first"]
    status = controller.get_orchestration_status()
    assert status["state"] == "shut down"
    assert [problem for problem in status["problems"] if "broken failed: RuntimeError: no" in problem]
    assert "was shut down" in refused(controller).what


def test_as_a_context_manager_it_is_initialised_and_shut_down(tmp_path: Path) -> None:
    calls: list[str] = []

    class Clerk(OrchestrationAgentInterface):
        async def initialize(self) -> bool:
            calls.append("up")
            return True

        async def execute(self, request: dict[str, Any]) -> dict[str, Any]:
            return {"did": request["what"]}

        async def shutdown(self) -> None:
            calls.append("down")

    controller = orchestration.create_legacy_controller(**here(tmp_path))
    controller.register_agent("clerk", Clerk())

    async def scene() -> dict[str, Any]:
        async with controller as entered:
            assert await entered.initialize() is True
            return await entered.execute_agent("clerk", {"what": "filing"})

    assert asyncio.run(scene()) == {"did": "filing"}
    assert calls == ["up", "down"]


def test_the_status_tells_the_health_of_all_five_agents_and_of_those_of_the_host() -> None:
    class Clerk(OrchestrationAgentInterface):
        def get_health_status(self) -> dict[str, Any]:
            return {"healthy": False, "why": "no paper"}

    controller = MasterOrchestrationController()
    controller.register_agent("clerk", Clerk())
    agents = controller.get_orchestration_status()["agents"]
    assert {row["agent"] for row in agents.values()} == {
        "TestOrchestratorAgent", "LayerExecutionAgent", "BackgroundE2EAgent", "ProgressStreamingAgent",
        "ResourceManagementAgent", "Clerk",
    }  # fmt: skip
    assert agents["clerk"] == {"agent": "Clerk", "healthy": False, "why": "no paper"}


def test_cancelling_nothing_says_so_from_any_thread() -> None:
    controller = MasterOrchestrationController()
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(controller.cancel_execution("why not")))
    thread.start()
    thread.join()
    assert answers == [False]


# -- modes of a host's own ----------------------------------------------------------------------------------------


class OwnMode(Enum):
    CUSTOM_MODE = "custom_mode"


def own_mode(action: Callable[..., Any]) -> MasterOrchestrationController:
    class Own(MasterOrchestrationController):
        async def _execute_custom_mode(self, execution_args: dict[str, Any]) -> Any:
            return await action(self, execution_args)

    return Own(MasterOrchestrationConfig(mode=OwnMode.CUSTOM_MODE))


def test_a_member_of_any_enum_is_a_mode_and_its_method_gets_the_arguments() -> None:
    async def action(self: Any, execution_args: dict[str, Any]) -> dict[str, Any]:
        assert self.get_orchestration_status()["executing"] == "custom_mode"
        return {"success": True, "keyword": execution_args["keyword"]}

    answer = asyncio.run(own_mode(action).execute_orchestration({"keyword": "login"}))
    assert (answer["mode"], answer["success"], answer["exit_code"], answer["keyword"]) == (
        "custom_mode",
        True,
        0,
        "login",
    )


def test_a_mode_of_one_s_own_that_waits_is_ended_by_cancelling() -> None:
    async def scene() -> dict[str, Any]:
        waiting = asyncio.Event()

        async def action(self: Any, execution_args: dict[str, Any]) -> None:
            waiting.set()
            await asyncio.Event().wait()

        controller = own_mode(action)
        execution = asyncio.create_task(controller.execute_orchestration())
        await waiting.wait()
        assert controller.cancel_execution("enough of that")
        return await execution

    answer = asyncio.run(scene())
    assert (answer["exit_code"], answer["reasons"]) == (2, ["enough of that"])


def test_a_mode_that_is_cancelled_while_agents_are_made_ready_is_not_begun() -> None:
    begun: list[str] = []

    async def action(self: Any, execution_args: dict[str, Any]) -> None:
        begun.append("begun")

    controller = own_mode(action)

    class Cancelling(OrchestrationAgentInterface):
        async def initialize(self) -> bool:
            return controller.cancel_execution("not today")

    controller.register_agent("cancelling", Cancelling())
    answer = asyncio.run(controller.execute_orchestration())
    assert (answer["exit_code"], answer["reasons"], begun) == (2, ["not today"], [])


def test_what_a_mode_of_one_s_own_raises_reaches_whoever_awaits_it() -> None:
    async def action(self: Any, execution_args: dict[str, Any]) -> None:
        raise LookupError("no such tests")

    controller = own_mode(action)
    with pytest.raises(LookupError, match="no such tests"):
        asyncio.run(controller.execute_orchestration())
    assert controller.get_orchestration_status()["state"] == "idle"


def test_an_agent_s_method_is_a_mode_too() -> None:
    class Clerk(OrchestrationAgentInterface):
        async def _execute_audit(self, execution_args: dict[str, Any]) -> dict[str, Any]:
            return {"success": False, "reasons": ["books do not balance"]}

    controller = MasterOrchestrationController()
    controller.register_agent("clerk", Clerk())
    answer = asyncio.run(controller.execute_orchestration({"execution_mode": "audit"}))
    assert (answer["success"], answer["reasons"]) == (False, ["books do not balance"])
