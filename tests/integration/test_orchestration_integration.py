"""The controller, its agents and the engine together: real runs of small projects inside a host's event loop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from test_framework.orchestration import (
    LayerExecutionAgent,
    MasterOrchestrationConfig,
    MasterOrchestrationController,
    OrchestrationAgentInterface,
    create_fast_feedback_controller,
    create_full_layered_controller,
    create_legacy_controller,
)
from test_framework.sinks import websocket
from tests.orchestrated import FAILING, PASSING, WAITING, Manager, here, nothing_left, project, wait_for_file

MIXED = {
    "tests/unit/test_unit.py": PASSING + FAILING,
    "tests/smoke/test_smoke.py": PASSING,
    "tests/api/test_api.py": PASSING,
}


@pytest.fixture(autouse=True)
def _leak_check() -> Iterator[None]:
    with nothing_left():
        yield


def run(controller: MasterOrchestrationController, *arguments: Any, **more: Any) -> dict[str, Any]:
    """One execution in an event loop of its own, and the controller's end."""

    async def scene() -> dict[str, Any]:
        async with controller:
            return await controller.execute_orchestration(*arguments, **more)

    return asyncio.run(scene())


# -- what comes back --------------------------------------------------------------------------------------------


def test_an_answer_holds_verdict_ledger_outcomes_layers_and_failures_as_plain_values(tmp_path: Path) -> None:
    answer = run(create_fast_feedback_controller(**here(project(tmp_path, MIXED))))
    assert json.loads(json.dumps(answer)) == answer
    assert (answer["success"], answer["exit_code"], answer["verdict"]) == (False, 1, "failed")
    assert answer["reasons"][0] == "1 failed"
    assert answer["ledger"] == {"collected": 4, "executed": 3, "proven": 0, "owed": 1}
    assert answer["outcomes"] == {"passed": 2, "failed": 1}
    assert [(row["layer"], row["status"]) for row in answer["layers"]] == [("fast_feedback", "failed")]
    assert answer["failures"] == [
        {"test": "tests/unit/test_unit.py::test_bad", "outcome": "failed", "message": "assert 1 == 2"}
    ]
    directory = Path(answer["directory"])
    assert directory == tmp_path / ".apex" / "runs" / answer["run"]
    written = json.loads((directory / "result.json").read_text())
    assert {key: answer[key] for key in written} == written


def test_categories_and_layers_of_the_call_take_the_place_of_the_controller_s_mode(tmp_path: Path) -> None:
    controller = create_full_layered_controller(**here(project(tmp_path, MIXED)))

    async def scene() -> list[dict[str, Any]]:
        return [
            await controller.execute_orchestration({}, categories=["smoke"]),
            await controller.execute_orchestration({"layers": ["fast_feedback"]}),
            await controller.execute_orchestration(
                {"pytest_args": ["tests/api"], "execution_mode": "legacy"}
            ),
        ]

    by_category, by_layer, by_path = asyncio.run(scene())
    assert (by_category["mode"], by_category["outcomes"]) == ("legacy", {"passed": 1})
    assert (by_layer["mode"], by_layer["ledger"]["executed"]) == ("layers", 3)
    assert by_path["outcomes"] == {"passed": 1}
    assert len({answer["run"] for answer in (by_category, by_layer, by_path)}) == 3


def test_a_dry_run_answers_with_the_plan_and_leaves_no_record(tmp_path: Path) -> None:
    answer = run(
        create_legacy_controller(**here(project(tmp_path, MIXED))),
        {"dry_run": True, "layers": ["fast_feedback"]},
    )
    assert (answer["exit_code"], answer["plan"]["layers"][0]["layer"]) == (0, "fast_feedback")
    assert not (tmp_path / ".apex" / "runs").exists()


def test_nothing_is_written_to_the_host_s_streams(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(create_legacy_controller(**here(project(tmp_path, MIXED))))
    assert capfd.readouterr() == ("", "")


# -- hosts --------------------------------------------------------------------------------------------------------


def test_two_controllers_run_at_once_in_one_loop_and_outside_the_main_thread(tmp_path: Path) -> None:
    handlers = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
    }
    one, two = Manager(), Manager()
    first = create_legacy_controller(
        one, "1", **here(project(tmp_path / "a", {"tests/unit/test_w.py": WAITING}))
    )
    second = create_legacy_controller(
        two, "2", **here(project(tmp_path / "b", {"tests/unit/test_w.py": WAITING}))
    )
    answers: list[dict[str, Any]] = []

    async def scene() -> None:
        executions = [asyncio.create_task(each.execute_orchestration()) for each in (first, second)]
        await one.wait_running("test_waits")
        await two.wait_running("test_waits")  # both are under way
        for name in ("a", "b"):
            (tmp_path / name / "tests/unit/go").touch()
        answers.extend(await asyncio.gather(*executions))
        await first.shutdown()
        await second.shutdown()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    thread = threading.Thread(target=asyncio.run, args=(scene(),))
    thread.start()
    thread.join()
    assert [answer["outcomes"] for answer in answers] == [{"passed": 1}, {"passed": 1}]
    assert {number: signal.getsignal(number) for number in handlers} == handlers


def test_signals_that_the_host_s_thread_blocks_are_not_blocked_in_tests(tmp_path: Path) -> None:
    asks = "import signal\ndef test_mask(): assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()\n"
    controller = create_legacy_controller(**here(project(tmp_path, {"tests/unit/test_mask.py": asks})))
    answers: list[dict[str, Any]] = []

    def host() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
        answers.append(run(controller))

    thread = threading.Thread(target=host)
    thread.start()
    thread.join()
    assert answers[0]["outcomes"] == {"passed": 1}


def test_a_limit_of_the_host_s_own_stops_the_run(tmp_path: Path) -> None:
    manager = Manager()
    controller = create_legacy_controller(
        manager, "1", **here(project(tmp_path, {"tests/unit/test_w.py": WAITING}))
    )

    async def limited() -> None:
        async with asyncio.timeout(None) as limit:
            running = asyncio.ensure_future(manager.wait_running("test_waits"))
            running.add_done_callback(lambda _: limit.reschedule(0))
            await controller.execute_orchestration()

    with pytest.raises(TimeoutError):
        asyncio.run(limited())
    assert manager.types[-1] == "run.finished"
    assert controller.get_orchestration_status()["last"]["exit_code"] == 2


def test_one_controller_executes_one_thing_at_a_time(tmp_path: Path) -> None:
    manager = Manager()
    controller = create_legacy_controller(
        manager, "1", **here(project(tmp_path, {"tests/unit/test_w.py": WAITING}))
    )

    async def scene() -> dict[str, Any]:
        execution = asyncio.create_task(controller.execute_orchestration())
        await manager.wait_running("test_waits")
        with pytest.raises(Exception, match="executing already"):
            await controller.execute_orchestration()
        (tmp_path / "tests/unit/go").touch()
        return await execution

    assert asyncio.run(scene())["exit_code"] == 0


def test_the_status_of_a_run_under_way_can_be_had_from_another_thread(tmp_path: Path) -> None:
    manager = Manager()
    files = {"tests/unit/test_w.py": WAITING, "tests/smoke/test_s.py": PASSING}
    controller = create_fast_feedback_controller(manager, "1", **here(project(tmp_path, files)))

    async def scene() -> tuple[dict[str, Any], dict[str, Any]]:
        execution = asyncio.create_task(controller.execute_orchestration())
        await manager.wait_running("test_waits")
        await manager.wait(lambda message: message["type"] == "test.finished")
        status = await asyncio.to_thread(controller.get_orchestration_status)
        (tmp_path / "tests/unit/go").touch()
        await execution
        return status, controller.get_orchestration_status()

    during, after = asyncio.run(scene())
    assert during["state"] == "running"
    assert during["run"]["layers"]["fast_feedback"] | {"budget_seconds": 0} == {
        "status": "running", "tests": 2, "done": 1, "failed": 0, "owed": 0, "budget_seconds": 0,
    }  # fmt: skip
    assert during["run"]["running"] == ["tests/unit/test_w.py::test_waits"]
    assert (after["state"], after["run"], after["last"]["exit_code"]) == ("idle", None, 0)
    assert json.loads(json.dumps(during)) == during


@pytest.mark.parametrize("how", ["thread", "loop"])
def test_a_run_can_be_cancelled_from_any_thread_and_says_why(tmp_path: Path, how: str) -> None:
    manager = Manager()
    controller = create_legacy_controller(
        manager, "1", **here(project(tmp_path, {"tests/unit/test_w.py": WAITING}))
    )

    async def scene() -> dict[str, Any]:
        execution = asyncio.create_task(controller.execute_orchestration())
        await manager.wait_running("test_waits")
        if how == "thread":
            assert await asyncio.to_thread(controller.cancel_execution, "the branch was deleted")
        else:
            assert controller.cancel_execution("the branch was deleted")
        return await execution

    answer = asyncio.run(scene())
    assert (answer["exit_code"], answer["success"]) == (2, False)
    assert answer["reasons"][0] == "the branch was deleted"
    assert answer["ledger"] == {"collected": 1, "executed": 0, "proven": 0, "owed": 1}
    assert "worker.lost" not in manager.types, (
        "the test was not interrupted but killed, after the time of grace"
    )


def test_cancelling_whoever_awaits_stops_the_run_reaps_and_stays_cancelled(tmp_path: Path) -> None:
    manager = Manager()
    controller = create_legacy_controller(
        manager, "1", **here(project(tmp_path, {"tests/unit/test_w.py": WAITING}))
    )

    async def scene() -> None:
        execution = asyncio.create_task(controller.execute_orchestration())
        started = await manager.wait(lambda message: message["type"] == "worker.started")
        await manager.wait_running("test_waits")
        execution.cancel()
        with pytest.raises(asyncio.CancelledError):
            await execution
        with pytest.raises(ProcessLookupError):
            os.kill(started["pid"], 0)
        assert manager.types[-1] == "run.finished"
        again = await controller.execute_orchestration({}, categories=["smoke"])
        assert again["verdict"] == "no_tests"

    asyncio.run(scene())


def test_cancelling_while_it_is_still_collecting_ends_it_too(tmp_path: Path) -> None:
    slow = "import time\nopen('collecting', 'w').close()\ntime.sleep(600)\n"
    controller = create_legacy_controller(**here(project(tmp_path, {"tests/unit/test_slow.py": slow})))

    async def scene() -> dict[str, Any]:
        execution = asyncio.create_task(controller.execute_orchestration())
        await asyncio.to_thread(wait_for_file, tmp_path / "collecting")
        controller.cancel_execution()
        return await execution

    assert asyncio.run(scene())["reasons"][0] == "interrupted by the user"


def test_shutting_down_stops_what_runs_before_the_cleanup_handlers_are_called(tmp_path: Path) -> None:
    manager = Manager()
    controller = create_legacy_controller(
        manager, "1", **here(project(tmp_path, {"tests/unit/test_w.py": WAITING}))
    )
    seen: list[str] = []
    controller.add_cleanup_handler(lambda: seen.append(manager.types[-1]))

    async def scene() -> dict[str, Any]:
        execution = asyncio.create_task(controller.execute_orchestration())
        await manager.wait_running("test_waits")
        await controller.shutdown()
        return await execution

    answer = asyncio.run(scene())
    assert answer["reasons"][0] == "the controller is shut down"
    assert seen == ["run.finished"]
    assert "worker.lost" not in manager.types


def test_a_controller_can_be_shut_down_from_another_thread_s_loop(tmp_path: Path) -> None:
    manager = Manager()
    controller = create_legacy_controller(
        manager, "1", **here(project(tmp_path, {"tests/unit/test_w.py": WAITING}))
    )

    def from_elsewhere() -> None:
        asyncio.run(controller.shutdown())
        assert manager.types[-1] == "run.finished"

    async def scene() -> dict[str, Any]:
        execution = asyncio.create_task(controller.execute_orchestration())
        await manager.wait_running("test_waits")
        await asyncio.gather(asyncio.to_thread(from_elsewhere), controller.shutdown())
        return await execution

    assert asyncio.run(scene())["exit_code"] == 2


# -- those who are told -------------------------------------------------------------------------------------------


def facts_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    lines = (Path(answer["directory"]) / "facts.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "crc"} for line in lines]


def test_a_websocket_manager_gets_the_facts_of_the_run_s_file(tmp_path: Path) -> None:
    manager = Manager()
    answer = run(create_legacy_controller(manager, "1", **here(project(tmp_path, MIXED))))
    assert manager.messages == facts_of(answer)
    assert manager.types[0] == "run.started"
    assert manager.types[-1] == "run.finished"


class Raising:
    async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> None:
        raise ConnectionResetError("gone")


class Stalling:
    async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("manager", "word"), [(Raising(), "gone"), (Stalling(), "not taken within")], ids=["raising", "stalling"]
)
def test_a_manager_that_fails_is_named_once_and_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: Any, word: str
) -> None:
    monkeypatch.setattr(websocket, "LAST_SECONDS", 0.2)
    answer = run(create_legacy_controller(manager, "1", **here(project(tmp_path, MIXED))), {}, ["smoke"])
    assert (answer["exit_code"], answer["outcomes"]) == (0, {"passed": 1})
    failures = [fact for fact in facts_of(answer) if fact["type"] == "sink.failed"]
    assert [fact["sink"] for fact in failures] == ["websocket"]
    assert word in failures[0]["message"]
    assert list(answer["broken_sinks"]) == ["websocket"]


def test_another_manager_can_take_over_while_a_run_is_under_way(tmp_path: Path) -> None:
    first, second = Manager(), Manager()
    controller = create_legacy_controller(
        first, "1", **here(project(tmp_path, {"tests/unit/test_w.py": WAITING}))
    )

    async def scene() -> None:
        execution = asyncio.create_task(controller.execute_orchestration())
        await first.wait_running("test_waits")
        controller.set_websocket_manager(second, "2")
        (tmp_path / "tests/unit/go").touch()
        await execution
        controller.set_websocket_manager(None)
        await controller.execute_orchestration({}, categories=["smoke"])

    asyncio.run(scene())
    assert "run.finished" not in first.types
    assert "run.started" not in second.types
    assert second.types.count("run.finished") == 1
    assert second.messages[0]["seq"] == first.messages[-1]["seq"] + 1


def test_a_slow_manager_neither_holds_up_a_run_nor_misses_its_end(tmp_path: Path) -> None:
    many = "import pytest\n@pytest.mark.parametrize('n', range(600))\ndef test_it(n): pass\n"

    class Slow(Manager):
        async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> None:
            await asyncio.sleep(0.01)
            await super().send_to_thread(thread_id, message)

    manager = Slow()
    answer = run(
        create_legacy_controller(manager, "1", **here(project(tmp_path, {"tests/unit/test_many.py": many})))
    )
    assert answer["outcomes"] == {"passed": 600}
    assert answer["broken_sinks"] == {}
    assert manager.types[-1] == "run.finished"
    counted = [message for message in manager.messages if message["type"] == "progress"]
    assert counted, "six hundred tests were told one by one to a slow manager"
    told = manager.types.count("test.finished") + sum(m["coalesced"].get("test.finished", 0) for m in counted)
    assert told == 600
    assert len(manager.messages) < 600


class Counting:
    name = "counting"

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def handle(self, stamped: Any, state: Any) -> None:
        self.log.append(stamped.fact.WIRE_TYPE)

    def tick(self, state: Any) -> None:
        pass

    def close(self, state: Any, verdict: Any) -> None:
        self.log.append(f"closed {verdict.exit_code.name}")


def test_a_host_s_own_sink_hears_of_every_run(tmp_path: Path) -> None:
    log: list[str] = []
    controller = create_legacy_controller(
        sinks=(lambda: Counting(log),), **here(project(tmp_path, {"tests/smoke/test_s.py": PASSING}))
    )

    async def scene() -> None:
        for _ in range(2):
            await controller.execute_orchestration({}, categories=["smoke"])

    asyncio.run(scene())
    assert [entry for entry in log if entry.startswith(("run.started", "closed"))] == [
        "run.started",
        "closed OK",
    ] * 2


# -- agents and modes ---------------------------------------------------------------------------------------------


def test_the_layer_agent_runs_layers_on_its_own(tmp_path: Path) -> None:
    agent = LayerExecutionAgent(project_root=str(project(tmp_path, MIXED)))
    answer = asyncio.run(agent.execute({"layers": ["fast_feedback"]}))
    assert answer["outcomes"] == {"passed": 2, "failed": 1}


class OwnModes(Enum):
    CUSTOM_MODE = "custom_mode"


class Own(MasterOrchestrationController):
    async def _execute_custom_mode(self, execution_args: dict[str, Any]) -> None:
        await asyncio.wait_for(self.execute_orchestration({"categories": ["smoke"]}), 60)
        await self.execute_orchestration(
            {"layers": ["fast_feedback"], "pytest_args": execution_args["pytest_args"]}
        )


def test_a_mode_of_one_s_own_makes_runs_and_their_worst_exit_code_is_its_own(tmp_path: Path) -> None:
    config = MasterOrchestrationConfig(mode=OwnModes.CUSTOM_MODE, **here(project(tmp_path, MIXED)))
    answer = run(Own(config))
    assert (answer["mode"], answer["exit_code"], answer["reasons"][0]) == ("custom_mode", 1, "1 failed")
    assert len(list((tmp_path / ".apex/runs").iterdir())) == 2


def test_a_mode_of_one_s_own_that_redefines_a_known_one_can_use_the_known_one(tmp_path: Path) -> None:
    class Polite(MasterOrchestrationController):
        async def _execute_fast_feedback(self, execution_args: dict[str, Any]) -> dict[str, Any]:
            return {**await self.execute_orchestration(execution_args), "greeting": "good morning"}

    config = MasterOrchestrationConfig(mode="fast_feedback", **here(project(tmp_path, MIXED)))
    answer = run(Polite(config))
    assert (answer["greeting"], answer["mode"], answer["ledger"]["executed"]) == (
        "good morning",
        "fast_feedback",
        3,
    )


def test_an_agent_that_is_not_ready_starts_no_run(tmp_path: Path) -> None:
    class Lame(OrchestrationAgentInterface):
        async def initialize(self) -> bool:
            return False

    controller = create_legacy_controller(**here(project(tmp_path)))
    controller.register_agent("lame", Lame())
    with pytest.raises(Exception, match="agent lame is not ready"):
        asyncio.run(controller.execute_orchestration())
    assert not (tmp_path / ".apex" / "runs").exists()


def test_plug_ins_of_a_project_s_configuration_serve_hosts_too(tmp_path: Path) -> None:
    plugin = (
        "class Log:\n"
        "    name = 'log'\n"
        "    def handle(self, stamped, state):\n"
        "        with open('heard', 'a') as file:\n"
        "            file.write(stamped.fact.WIRE_TYPE + chr(10))\n"
        "    def tick(self, state): pass\n"
        "    def close(self, state, verdict): pass\n"
    ).replace("'heard'", repr(str(tmp_path / "heard")))
    files = {**MIXED, "sink_for_host.py": plugin, "apex.yaml": "plugins: ['sink_for_host:Log']\n"}
    answer = run(create_legacy_controller(**here(project(tmp_path, files))), {}, ["smoke"])
    heard = (tmp_path / "heard").read_text().split()
    assert heard == [fact["type"] for fact in facts_of(answer)]


@pytest.mark.parametrize(("minutes", "processes"), [(0, 3), (15, 1)])
def test_after_its_window_a_lane_gives_way_to_a_fresh_process(
    tmp_path: Path, minutes: int, processes: int
) -> None:
    asks = "import os\ndef test_pid():\n    with open({!r}, 'a') as file: file.write(f'{{os.getpid()}}\\n')\n"
    told = tmp_path / "pids"
    root = project(tmp_path, {f"tests/unit/test_{name}.py": asks.format(str(told)) for name in "abc"})
    asked = {"window_size": minutes, "lanes": "1", "recorder": False}
    answer = run(create_legacy_controller(**here(root)), asked)
    assert answer["exit_code"] == 0
    assert len(set(told.read_text().split())) == processes
