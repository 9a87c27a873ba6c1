"""What must never break: nothing of a project is lost, no verdict is green that should not be, the old ways still work.

Runs as a script too: `python tests/mission_critical/test_orchestration_system_suite.py [pytest's options]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [] if str(REPOSITORY) in sys.path else [str(REPOSITORY)]

from test_framework.orchestration import (  # noqa: E402 - a script has to find the repository first
    MasterOrchestrationController,
    create_fast_feedback_controller,
    create_full_layered_controller,
    create_legacy_controller,
)
from tests.orchestrated import FAILING, PASSING, Manager, here, nothing_left, project  # noqa: E402

pytestmark = pytest.mark.mission_critical

EVERYTHING = {
    f"tests/{category}/test_{category}.py": PASSING
    for category in (
        "smoke", "unit", "database", "api", "websocket", "integration", "agent", "e2e_critical", "frontend",
        "cypress", "e2e", "performance",
    )
}  # fmt: skip


def execute(controller: MasterOrchestrationController, *arguments: Any, **more: Any) -> dict[str, Any]:
    async def scene() -> dict[str, Any]:
        async with controller:
            return await controller.execute_orchestration(*arguments, **more)

    with nothing_left():
        return asyncio.run(scene())


def command(directory: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("APEX_", "PYTEST_"))
    }
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "unified_test_runner.py"), "--project-root", str(directory),
         "--python", sys.executable, *argv],
        cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


# -- no test is lost, nothing is green that should not be --------------------------------------------------------


@pytest.mark.parametrize(
    ("factory", "executed"),
    [
        (create_fast_feedback_controller, 2),
        (create_full_layered_controller, 9),
        (create_legacy_controller, 6),
    ],
)
def test_every_collected_test_is_executed_or_owed_by_name(
    tmp_path: Path, factory: Any, executed: int
) -> None:
    answer = execute(factory(**here(project(tmp_path, EVERYTHING))))
    assert answer["ledger"] == {
        "collected": 12,
        "executed": executed,
        "proven": 0,
        "owed": 12 - executed,
    }
    lines = (Path(answer["directory"]) / "facts.jsonl").read_text().splitlines()
    facts = [json.loads(line) for line in lines]
    named = {fact["test"] for fact in facts if fact["type"] in ("test.finished", "test.owed")}
    assert len(named) == 12
    assert facts[-1]["type"] == "run.finished"
    assert [fact["seq"] for fact in facts] == list(range(len(facts)))


@pytest.mark.parametrize(
    ("text", "outcome", "exit_code"),
    [
        (PASSING, "passed", 0),
        (FAILING, "failed", 1),
        ("import os\ndef test_dies(): os.kill(os.getpid(), 11)\n", "crashed", 1),
        ("import time\ndef test_hangs(): time.sleep(600)\n", "timed_out", 1),
        ("import pytest\n@pytest.fixture\ndef broken(): 1 / 0\ndef test_error(broken): pass\n", "error", 1),
    ],
    ids=["passes", "fails", "crashes", "hangs", "errs"],
)
def test_each_ending_of_a_test_has_its_name_and_its_exit_code(
    tmp_path: Path, text: str, outcome: str, exit_code: int
) -> None:
    controller = create_legacy_controller(**here(project(tmp_path, {"tests/unit/test_it.py": text})))
    answer = execute(controller, {"test_timeout": 1.0, "grace": 2.0})
    assert answer["outcomes"] == {outcome: 1}
    assert (answer["exit_code"], answer["success"]) == (exit_code, exit_code == 0)


def test_a_project_without_tests_is_no_success(tmp_path: Path) -> None:
    answer = execute(create_legacy_controller(**here(project(tmp_path, {"README": ""}))))
    assert (answer["exit_code"], answer["success"]) == (5, False)


def test_a_file_that_cannot_be_collected_is_no_success(tmp_path: Path) -> None:
    files = {"tests/unit/test_well.py": PASSING, "tests/unit/test_broken.py": "import no_such_module\n"}
    answer = execute(create_legacy_controller(**here(project(tmp_path, files))))
    assert (answer["exit_code"], answer["success"]) == (2, False)
    assert answer["collection_failures"] == ["tests/unit/test_broken.py"]


# -- whoever listens -------------------------------------------------------------------------------------------


def test_a_run_goes_on_when_everybody_who_listens_breaks(tmp_path: Path) -> None:
    class Broken(Manager):
        async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> None:
            raise OSError("no route to host")

    class BrokenSink:
        name = "broken"

        def handle(self, stamped: Any, state: Any) -> None:
            raise OSError("disk full")

        def tick(self, state: Any) -> None: ...
        def close(self, state: Any, verdict: Any) -> None: ...

    controller = create_legacy_controller(
        Broken(), "1", sinks=(BrokenSink,), **here(project(tmp_path, {"tests/unit/test_it.py": PASSING}))
    )
    answer = execute(controller)
    assert (answer["exit_code"], answer["outcomes"]) == (0, {"passed": 1})
    assert sorted(answer["broken_sinks"]) == ["broken", "websocket"]


# -- the old ways ------------------------------------------------------------------------------------------------


def test_a_legacy_category_brings_what_it_depends_on_each_once(tmp_path: Path) -> None:
    done = command(project(tmp_path, EVERYTHING), "--category", "e2e_critical", "--progress-mode", "json")
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    ran = [fact["category"] for fact in facts if fact["type"] == "test.finished"]
    assert (done.returncode, sorted(ran)) == (0, ["e2e_critical", "unit"])


def test_several_legacy_categories_run_by_one_command(tmp_path: Path) -> None:
    done = command(project(tmp_path, EVERYTHING), "--categories", "unit", "integration", "api")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "executed 4 + proven 0 + owed 8 = collected 12" in done.stdout


def test_the_catalogue_is_listed_as_ever(tmp_path: Path) -> None:
    done = command(project(tmp_path), "--list-categories")
    assert done.returncode == 0
    assert "AVAILABLE TEST CATEGORIES" in done.stdout
    assert "Total Categories: 18" in done.stdout


def test_the_old_runner_s_names_are_importable_from_its_script() -> None:
    from scripts import unified_test_runner

    assert unified_test_runner.MASTER_ORCHESTRATION_AVAILABLE is True
    assert callable(unified_test_runner.should_use_orchestration)
    assert asyncio.iscoroutinefunction(unified_test_runner.execute_orchestration_mode)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
