"""A Starlette application embeds the controller: real server, real WebSocket, real runs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environments import REPOSITORY, interpreter_with
from tests.integration.conftest import MARK, clean_environment, wait_processes_gone
from tests.orchestrated import FAILING, PASSING, WAITING, project, wait_for_file

pytestmark = [pytest.mark.e2e, pytest.mark.network]

APPLICATION = REPOSITORY / "tests" / "corpus_apps" / "starlette_dashboard"
STARTED = "import pathlib\ndef test_starts(): (pathlib.Path(__file__).parent / 'started').touch()\n"


class Server:
    """The application behind uvicorn, and clients of it."""

    def __init__(self, python: str, directory: Path, log: Path) -> None:
        self.python, self.log = python, log
        self.mark = f"apex-application-{uuid.uuid4().hex}"
        self.environment = clean_environment(
            PROJECT=str(directory), TESTS_PYTHON=python, PYTHONPATH=str(REPOSITORY), **{MARK: self.mark}
        )
        command = [python, "-m", "uvicorn", "application:application", "--port", "0", "--lifespan", "on"]
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                command, cwd=APPLICATION, env=self.environment, stdout=stream, stderr=stream
            )
        self.address = self._wait_address()

    def _wait_address(self) -> str:
        """Where it listens, as soon as it says so."""
        with subprocess.Popen(
            ["tail", "-F", "-n", "+1", str(self.log)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as tail:
            assert tail.stdout is not None
            try:
                for line in tail.stdout:
                    if found := re.search(r"running on http://(\S+:\d+)", line):
                        return found.group(1)
                    assert "Traceback" not in line, self.log.read_text()
            finally:
                tail.kill()
        raise AssertionError(self.log.read_text())

    def watch(self, **arguments: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Start a run and watch it to its end: the messages, then the status."""
        stop_at = arguments.pop("stop_at", "")
        done = subprocess.run(
            [self.python, "watch.py", self.address, json.dumps(arguments), stop_at],
            cwd=APPLICATION, env=self.environment, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + self.log.read_text()
        *messages, status = map(json.loads, done.stdout.splitlines())
        return messages, status


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    python = interpreter_with(APPLICATION / "starlette.txt", version)
    files = {
        "tests/unit/test_unit.py": PASSING + FAILING,
        "tests/smoke/test_smoke.py": PASSING,
        "tests/api/test_waits.py": STARTED + WAITING,
    }
    serving = Server(python, project(tmp_path / "project", files), tmp_path / "log")
    yield serving
    if serving.process.poll() is None:
        serving.process.send_signal(signal.SIGTERM)
    try:
        serving.process.wait(30)
    finally:
        serving.process.kill()
        assert wait_processes_gone(serving.mark) == {}, "processes outlived the application"


def test_a_run_is_started_over_http_and_shown_over_the_application_s_own_websocket(server: Server) -> None:
    messages, status = server.watch(layers=["fast_feedback"])
    facts = Path(server.environment["PROJECT"]) / ".apex/runs" / messages[0]["run"] / "facts.jsonl"
    recorded = [json.loads(line) for line in facts.read_text().splitlines()]
    assert messages == [{key: value for key, value in fact.items() if key != "crc"} for fact in recorded]
    outcomes = {m["test"]: m["outcome"] for m in messages if m["type"] == "test.finished"}
    assert outcomes == {
        "tests/smoke/test_smoke.py::test_well": "passed",
        "tests/unit/test_unit.py::test_well": "passed",
        "tests/unit/test_unit.py::test_bad": "failed",
    }
    assert (status["state"], status["last"]["exit_code"]) == ("idle", 1)


def test_a_run_is_stopped_over_http_and_the_next_one_follows(server: Server) -> None:
    messages, status = server.watch(categories=["api"], stop_at="test_waits")
    assert messages[-1]["exit_code"] == 2
    assert status["last"]["reasons"][0] == "stopped from the dashboard"
    messages, status = server.watch(categories=["smoke"])
    assert (messages[-1]["exit_code"], status["last"]["success"]) == (0, True)


def test_the_server_s_end_in_the_middle_of_a_run_leaves_no_process(server: Server, tmp_path: Path) -> None:
    watching = subprocess.Popen(
        [server.python, "watch.py", server.address, json.dumps({"categories": ["api"]})],
        cwd=APPLICATION, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_file(tmp_path / "project/tests/api/started")
    watching.kill()  # a client that vanishes
    watching.communicate()
    os.kill(server.process.pid, signal.SIGTERM)
    server.process.wait(30)
    (run,) = (tmp_path / "project/.apex/runs").iterdir()
    last = json.loads((run / "facts.jsonl").read_text().splitlines()[-1])
    assert last["type"] == "run.finished"
    assert last["reasons"][0] == "the controller is shut down"
