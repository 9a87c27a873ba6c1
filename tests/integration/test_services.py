"""Services of real runs: started, proven ready, handed to the tests, watched, and gone afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Run
from tests.integration.started_command import Command, Started, ledger_adds_up

HAS_POSTGRESQL = any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb") is not None
HAS_REDIS = shutil.which("redis-server") is not None
needs_postgresql = pytest.mark.skipif(
    not HAS_POSTGRESQL, reason="PostgreSQL is not installed (scripts/install_test_services.sh): NOT EXERCISED"
)
needs_redis = pytest.mark.skipif(
    not HAS_REDIS, reason="redis-server is not installed (scripts/install_test_services.sh): NOT EXERCISED"
)
JSON = ("--progress-mode", "json", "--no-cache", "--fail-fast-mode", "disabled", "--python", sys.executable)

REDIS_TEST = """
import os, socket

def talk(text):
    with socket.create_connection((os.environ["REDIS_HOST"], int(os.environ["REDIS_PORT"])), 5) as server:
        server.sendall(f"AUTH {os.environ['REDIS_PASSWORD']}\\r\\n{text}\\r\\n".encode())
        answers = server.makefile("rb")
        assert answers.readline() == b"+OK\\r\\n"
        return answers.readline()
"""
SERVER = """
import http.server, os, pathlib, sys

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(b"told " + os.environ.get("WORD", "").encode())

    def log_message(self, *words):
        print("asked for", self.path, flush=True)

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
LAYERS = """
layers:
  quick:
    name: Quick
    max_duration_minutes: 2
    categories: [{{name: unit, timeout_seconds: 60}}]
  served:
    name: Served
    max_duration_minutes: 2
    required_services: [backend_service]
    categories: [{{name: api, timeout_seconds: 60}}]
modes: {{both: [quick, served]}}
service_dependencies:
  backend_service:
    command: [{python}, serve.py, "{{port}}"]
    env: {{WORD: hello}}
    health_check_endpoint: localhost:8000/health
    startup_timeout_seconds: {seconds}
"""
API_TEST = """
import os, urllib.request

def test_it_answers():
    with urllib.request.urlopen(os.environ["BACKEND_SERVICE_URL"] + "/health", timeout=5) as answer:
        assert answer.read() == b"told hello"
"""


@pytest.fixture
def command(tmp_path: Path, no_leftovers: list[Run]) -> Command:
    return Command(tmp_path, no_leftovers)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where PostgreSQL's files are made once for all these tests."""
    return {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


def project(directory: Path, **files: str) -> Path:
    """Files by path, `__` for a slash; test files, and serve.py."""
    for name, text in files.items():
        path = directory / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def served(directory: Path, api: str = API_TEST, server: str = SERVER, seconds: float = 20) -> Path:
    """A project of two layers, one of which needs an HTTP server of its own."""
    made = project(
        directory, tests__unit__test_u="def test_alone(): pass\n", tests__api__test_a=api, serve=server
    )
    (made / "apex.yaml").write_text(LAYERS.format(python=sys.executable, seconds=seconds))
    return made


def services(run: Run) -> list[tuple[str, str]]:
    """What became of services in the run, by what it told on stdout (a project may have had others before)."""
    told = [json.loads(line) for line in run.stdout.splitlines()]
    return [(fact["type"], fact["service"]) for fact in told if fact["type"].startswith("service.")]


@needs_postgresql
@needs_redis
def test_real_services_serve_a_project_that_configures_nothing(
    command: Command, tmp_path: Path, cache: dict[str, str]
) -> None:
    made = project(
        tmp_path / "project",
        test_both=REDIS_TEST
        + """
import subprocess

def test_redis():
    assert b"+PONG" in talk("PING")

def test_postgresql():
    words = ["psql", "-X", "-t", "-c", "SELECT 40 + 2", os.environ["DATABASE_URL"]]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == "42"

def test_no_secret_is_told():
    assert os.environ["PGPASSWORD"] == os.environ["REDIS_PASSWORD"], os.environ["DATABASE_URL"]
""",
    )
    run = command.run(
        made, *JSON, "--real-services", "--project-root", str(made), "--", ".", environment=cache
    )
    assert list(run.outcomes.values()) == ["passed", "passed", "failed"], run.explain()
    assert {name for kind, name in services(run) if kind == "service.ready"} == {"postgresql", "redis"}
    assert [kind for kind, _ in services(run)].count("service.stopped") == 2
    written = "".join(path.read_text() for path in (made / ".apex" / "runs").rglob("*") if path.is_file())
    assert "redacted" in written
    assert "postgresql://postgres:[redacted" in written
    assert not list((made / ".apex" / "runs").glob("*/services")), "what services wrote was left"
    again = command.run(
        made, *JSON, "--real-services", "--project-root", str(made), "--", ".", environment=cache
    )
    assert {name for kind, name in services(again) if kind == "service.ready"} == {"postgresql", "redis"}


def test_a_program_of_the_project_serves_the_layer_that_needs_it(command: Command, tmp_path: Path) -> None:
    made = served(tmp_path / "project")
    run = command.run(made, *JSON, "--execution-mode", "both")
    assert run.exit_code == 0, run.explain()
    assert set(run.outcomes.values()) == {"passed"}
    assert len(run.outcomes) == 2
    assert services(run) == [
        ("service.starting", "backend_service"), ("service.ready", "backend_service"),
        ("service.stopped", "backend_service"),
    ]  # fmt: skip
    assert not services(command.run(made, *JSON, "--layers", "quick"))


def test_what_never_gets_ready_is_told_with_its_last_words_and_the_other_layers_run(
    command: Command, tmp_path: Path
) -> None:
    made = served(tmp_path / "project", server="print('no such schema', flush=True); raise SystemExit(3)\n")
    run = command.run(made, *JSON, "--execution-mode", "both")
    assert run.exit_code == 12, run.explain()
    assert [test for test in run.outcomes if "test_alone" in test], run.explain()
    (reason,) = run.owed.values()
    assert "needs the service backend_service, which never came" in reason
    assert "exit status 3" in reason
    (fact,) = run.of("service.unhealthy")
    assert "no such schema" in fact["detail"]
    assert ledger_adds_up(run)


def test_a_service_that_is_not_ready_in_time_is_given_up(command: Command, tmp_path: Path) -> None:
    made = served(tmp_path / "project", server="import signal\nsignal.pause()\n", seconds=0.4)
    run = command.run(made, *JSON, "--layers", "served")
    assert run.exit_code == 12, run.explain()
    assert "not ready after 0.4 s" in run.of("service.unhealthy")[0]["reason"]


def test_a_taken_port_is_never_taken_for_ours(command: Command, tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        made = served(tmp_path / "project")
        text = (made / "apex.yaml").read_text()
        (made / "apex.yaml").write_text(text.replace('"{port}"', f'"{port}"').replace("8000", str(port)))
        run = command.run(made, *JSON, "--layers", "served")
    assert run.exit_code == 12, run.explain()
    reason = run.of("service.unhealthy")[0]["reason"]
    assert f"port {port} is taken by" in reason
    assert f"(pid {os.getpid()})" in reason


def test_a_service_that_runs_elsewhere_is_asked_and_left_alone(command: Command, tmp_path: Path) -> None:
    made = served(
        tmp_path / "project", api="import os\n\ndef test_told():\n    assert os.environ['SEARCH_PORT']\n"
    )
    layers = (made / "apex.yaml").read_text().replace("backend_service", "search")
    head, _, _ = layers.partition("    command:")
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen()
        port = there.getsockname()[1]
        (made / "apex.yaml").write_text(f"{head}    health_check_endpoint: localhost:{port}\n")
        run = command.run(made, *JSON, "--layers", "served")
        assert run.exit_code == 0, run.explain()
        assert run.of("service.ready")[0]["provider"] == "external"
        assert not run.of("service.stopped")
    gone = command.run(made, *JSON, "--layers", "served")
    assert gone.exit_code == 12, gone.explain()
    assert "no connection to localhost" in gone.of("service.unhealthy")[0]["reason"]


LOSES_IT = """
import os, signal, time, urllib.request

def test_before():
    pass

def test_kills_it():
    pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit()]
    for pid in pids:
        try:
            words = open(f"/proc/{pid}/cmdline").read().split("\\0")
        except OSError:
            continue
        if words[1:2] == ["serve.py"] and words[2] == os.environ["BACKEND_SERVICE_PORT"]:
            os.kill(pid, signal.SIGKILL)
    urllib.request.urlopen(os.environ["BACKEND_SERVICE_URL"] + "/health", timeout=5)

def test_after():
    urllib.request.urlopen(os.environ["BACKEND_SERVICE_URL"] + "/health", timeout=5)
"""


def test_a_service_that_dies_is_noticed_and_its_tests_are_lost_not_failed(
    command: Command, tmp_path: Path
) -> None:
    run = command.run(served(tmp_path / "project", api=LOSES_IT), *JSON, "--layers", "served", "-n", "1")
    assert run.exit_code == 12, run.explain()
    found = {test.rpartition("::")[2]: fact for test, fact in run.tests.items()}
    assert found["test_before"]["outcome"] == "passed"
    for name in ("test_kills_it", "test_after"):
        assert found[name]["outcome"] == "lost", run.explain()
        assert found[name]["blame"] == "environment"
    (unhealthy,) = run.of("service.unhealthy")
    assert "killed by SIGKILL" in unhealthy["reason"]
    assert "asked for /health" in unhealthy["detail"]
    assert ledger_adds_up(run)


def test_a_test_that_fails_beside_a_healthy_service_has_failed(command: Command, tmp_path: Path) -> None:
    run = command.run(
        served(tmp_path / "project", api="def test_wrong(): assert 0\n"), *JSON, "--layers", "served"
    )
    assert run.exit_code == 1, run.explain()
    assert list(run.outcomes.values()) == ["failed"]


@pytest.fixture
def waiting(command: Command, tmp_path: Path) -> Started:
    """A run whose service is up and whose test waits."""
    api = "import signal\n\ndef test_waits():\n    signal.pause()\n"
    started = command.start(
        served(tmp_path / "project", api=api), *JSON, "--layers", "served", "--grace", "1"
    )
    started.wait_running("test_waits")
    return started


def server_lives(started: Started) -> bool:
    return bool(started.pids("serve.py"))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_nothing_of_a_service_outlives_the_run(
    waiting: Started, command: Command, stop: signal.Signals, read_after: Callable[[Path], list[str]]
) -> None:
    assert server_lives(waiting)
    waiting.process.send_signal(stop)
    run = waiting.finish()  # no_leftovers looks for what is left
    assert run.exit_code == (2 if stop is signal.SIGINT else -9), run.explain()
    if stop is signal.SIGKILL:
        command.run(run.project, *JSON, "--layers", "quick")
        command.run(served(run.project), *JSON, "--layers", "served")
    assert read_after(run.project) == []


@pytest.fixture
def read_after() -> Callable[[Path], list[str]]:
    """Directories of services that are left in a project's runs."""
    return lambda made: [str(path) for path in (made / ".apex" / "runs").glob("*/services")]


def test_an_interrupt_while_services_start_ends_the_run(command: Command, tmp_path: Path) -> None:
    made = served(tmp_path / "project", server="import signal\nprint('up', flush=True)\nsignal.pause()\n")
    started = command.start(made, *JSON, "--layers", "served")
    started.wait(lambda fact: fact["type"] == "service.starting", "it starts")
    started.wait_until(lambda: server_lives(started), "the server lives")
    started.process.send_signal(signal.SIGINT)
    run = started.finish(15.0)
    assert run.exit_code == 2, run.explain()


def test_what_a_test_found_without_a_service_proves_nothing_with_it(
    apex: Callable[..., Run], tmp_path: Path
) -> None:
    api = "import os, pytest\n\ndef test_it():\n    'BACKEND_SERVICE_URL' in os.environ or pytest.skip()\n"
    made = served(tmp_path / "project", api=api)
    long_ago = time.time() - 60  # what was touched in the moment of a run is not believed
    for path in made.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    constant = {"APEX_AUDIT_SHARE": "0", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TMPDIR": str(tmp_path)}
    without = apex(made, (), ("tests/api",), environment=constant)
    assert list(without.outcomes.values()) == ["skipped"], without.explain()
    again = apex(made, (), ("tests/api",), environment=constant)
    assert len(again.of("cache.hit")) == 1, again.explain()
    served_run = apex(made, ("--real-services",), ("tests/api",), environment=constant)
    assert list(served_run.outcomes.values()) == ["passed"], served_run.explain()
