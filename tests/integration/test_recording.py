"""What the recorder writes of a small project whose dependencies are known, on every Python that this machine has.

The sets are exact: a piece of code, file or variable too few would prove what it must not, one too many spares nothing.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import interpreter

pytestmark = pytest.mark.e2e

MONITORED = ("3.12", "3.13")
PYTHONS = ("3.11", *MONITORED)


@dataclass
class Written:
    """The file of one run, its numbers replaced by what they mean."""

    environment: dict[str, Any] = field(default_factory=dict)
    base: set[str] = field(default_factory=set)
    base_data: dict[str, str] = field(default_factory=dict)
    base_reasons: list[str] = field(default_factory=list)
    code: dict[str, set[str]] = field(default_factory=dict)
    """test -> file:name of what ran first in its process"""
    data: dict[str, dict[str, str]] = field(default_factory=dict)
    variables: dict[str, set[str]] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    processes: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    shared: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    digests: dict[str, str | None] = field(default_factory=dict)

    def before(self, test: str) -> set[str]:
        """Everything that ran in the test's process up to its end, since the fork."""
        found: set[str] = set()
        for tests in self.processes.values():
            if test in tests:
                for each in tests[: tests.index(test) + 1]:
                    found |= self.code[each]
        return found


def read(file: Path) -> Written:
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert rows[0] == ["version", 1]
    assert rows[-1] == ["end", sum(row[0] == "test" for row in rows)]
    tables: dict[str, list[list[Any]]] = {"block": [], "data": [], "variable": []}
    for row in rows:
        if row[0] in tables:
            assert row[1] == len(tables[row[0]]), "ids are dense"
            tables[row[0]].append(row[2:])
    blocks = [f"{path}:{name}" for path, name in tables["block"]]
    written = Written()
    for path, _kind, digest in tables["data"]:
        written.digests[path] = digest

    def data(ids: list[int]) -> dict[str, str]:
        return {tables["data"][number][0]: tables["data"][number][1] for number in ids}

    for row in rows:
        match row:
            case ["environment", facts]:
                written.environment = facts
            case ["base", code, read_before, _variables, reasons]:
                written.base = {blocks[number] for number in code}
                written.base_data, written.base_reasons = data(read_before), reasons
            case ["test", test, _attempt, worker, generation, order, new, _own, touched, variables, reasons]:
                process = written.processes.setdefault((worker, generation), [])
                assert order == len(process)
                process.append(test)
                written.code[test] = {blocks[number] for number in new}
                written.data[test] = data(touched)
                written.variables[test] = {tables["variable"][number][0] for number in variables}
                written.reasons[test] = reasons
            case ["shared", worker, generation, reasons]:
                written.shared[worker, generation] = reasons
    return written


@pytest.fixture
def recorded(tmp_path: Path, apex: Callable[..., Any]) -> Callable[..., Written]:
    """recorded(files, version, *arguments, **environment) -> Written"""

    def run(files: dict[str, str], version: str, *arguments: str, **environment: str) -> Written:
        python = interpreter(version)
        if python is None:
            pytest.skip(f"no Python {version} with a pytest here")
        project = tmp_path / "project"
        for name, text in files.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(textwrap.dedent(text), encoding="utf-8")
        variables = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
        done = apex(project, args=["--recorder", "-n", "1", *arguments], python=python, environment=variables)
        assert set(done.outcomes.values()) <= {"passed", "skipped"}, done.explain()
        return read(project / ".apex" / "runs" / done.id / "dependencies.jsonl")

    return run


SHAPES = {
    "shapes.py": """
        import functools

        SIDES = [each for each in range(4)]

        class Square:
            def __init__(self, side):
                self.side = side

            def area(self):
                def product(a, b):
                    return a * b
                return product(self.side, self.side)

        @functools.cache
        def slow():
            return inner()

        def inner():
            return 1

        def counting():
            yield 1
            yield 2
    """,
    "conftest.py": """
        import pytest
        from shapes import Square

        @pytest.fixture(scope="module")
        def square():
            return Square(2)
    """,
    "test_shapes.py": """
        import shapes

        def test_area(square):
            assert square.area() == 4

        def test_again(square):
            assert square.area() == 4

        def test_cache_is_filled():
            assert shapes.slow() == 1

        def test_cache_is_used():
            assert shapes.slow() == 1

        class TestCounting:
            def test_generator(self):
                assert [each for each in shapes.counting()] == [1, 2]

        def test_late_import():
            import late
            assert late.value() == 3
    """,
    "late.py": """
        def value():
            return 3
    """,
}
AT_IMPORT = {"shapes.py:<module>", "conftest.py:<module>", "test_shapes.py:<module>"}


@pytest.mark.parametrize("version", MONITORED)
def test_code_is_recorded_by_function_with_the_test_that_ran_it_first(
    recorded: Callable[..., Written], version: str
) -> None:
    written = recorded(SHAPES, version)
    assert written.base == AT_IMPORT
    assert written.base_reasons == []
    assert written.code == {
        "test_shapes.py::test_area": {
            "conftest.py:square",
            "shapes.py:Square.__init__",
            "shapes.py:Square.area",
            "test_shapes.py:test_area",
        },
        "test_shapes.py::test_again": {"test_shapes.py:test_again"},
        "test_shapes.py::test_cache_is_filled": {
            "shapes.py:inner",
            "shapes.py:slow",
            "test_shapes.py:test_cache_is_filled",
        },
        "test_shapes.py::test_cache_is_used": {"test_shapes.py:test_cache_is_used"},
        "test_shapes.py::TestCounting::test_generator": {
            "shapes.py:counting",
            "test_shapes.py:TestCounting.test_generator",
        },
        "test_shapes.py::test_late_import": {
            "late.py:<module>",
            "late.py:value",
            "test_shapes.py:test_late_import",
        },
    }
    assert "shapes.py:inner" in written.before("test_shapes.py::test_cache_is_used")
    assert all(reasons == [] for reasons in written.reasons.values())


def test_the_oldest_python_records_the_files_that_were_imported(recorded: Callable[..., Written]) -> None:
    written = recorded(SHAPES, "3.11")
    assert written.base == {"shapes.py:*", "conftest.py:*", "test_shapes.py:*"}
    assert written.code.pop("test_shapes.py::test_late_import") == {"late.py:*"}
    assert set(map(frozenset, written.code.values())) == {frozenset()}


TOUCHING = {
    "data/one.txt": "one",
    "data/two.txt": "two",
    "conftest.py": """
        import pathlib
        ONE = pathlib.Path("data/one.txt").read_text()
    """,
    "test_touching.py": """
        import os, pathlib

        def test_reads_a_file():
            assert open("data/two.txt").read() == "two"

        def test_reads_it_again():
            assert pathlib.Path("data/two.txt").read_text() == "two"

        def test_misses_a_file():
            try:
                open("data/three.txt")
            except FileNotFoundError:
                pass

        def test_lists_a_directory():
            assert sorted(os.listdir("data")) == ["one.txt", "two.txt"]

        def test_makes_its_own(tmp_path):
            (tmp_path / "file").write_text("x")
            assert (tmp_path / "file").read_text() == "x"
            assert os.listdir(tmp_path) == ["file"]

        def test_writes_before_it_reads():
            pathlib.Path("made.txt").write_text("made")
            assert pathlib.Path("made.txt").read_text() == "made"
            os.remove("made.txt")

        def test_reads_a_variable():
            assert os.environ["SHAPE"] == "round"
            assert os.getenv("COLOUR") is None

        def test_reads_what_it_set(monkeypatch):
            monkeypatch.setenv("WEIGHT", "heavy")
            assert os.environ["WEIGHT"] == "heavy"

        def test_goes_through_all():
            assert dict(os.environ)["SHAPE"] == "round"
    """,
}


@pytest.mark.parametrize("version", PYTHONS)
def test_files_directories_and_variables_are_recorded(recorded: Callable[..., Written], version: str) -> None:
    written = recorded(TOUCHING, version, SHAPE="round")
    of = {test.partition("::")[2]: found for test, found in written.data.items()}
    assert written.base_data == {"data/one.txt": "file"}
    assert of.pop("test_reads_a_file") == {"data/two.txt": "file"}
    assert of.pop("test_misses_a_file") == {"data/three.txt": "absent"}
    assert of.pop("test_lists_a_directory") == {"data": "directory"}
    assert set(map(str, of.values())) == {"{}"}, of
    assert written.digests == {
        "data/one.txt": hashlib.sha256(b"one").hexdigest(),
        "data/two.txt": hashlib.sha256(b"two").hexdigest(),
        "data/three.txt": None,
        "data": hashlib.sha256(b"one.txt\0two.txt").hexdigest(),
    }
    read_by = {test.partition("::")[2]: names for test, names in written.variables.items() if names}
    assert read_by["test_reads_a_variable"] == {"SHAPE", "COLOUR"}
    assert "*" in read_by.pop("test_goes_through_all")
    assert set(read_by) == {"test_reads_a_variable"}
    assert all(reasons == [] for reasons in written.reasons.values())


BEYOND = {
    "test_process.py": """
        import subprocess, sys

        def test_before():
            pass

        def test_starts_a_process():
            subprocess.run([sys.executable, "-c", ""], check=True)

        def test_after():
            pass
    """,
    "test_system.py": """
        import os

        def test_system():
            os.system("true")
    """,
    "test_fork.py": """
        import os

        def test_fork():
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
    """,
    "test_spawn.py": """
        import multiprocessing

        def test_spawn():
            process = multiprocessing.get_context("spawn").Process(target=print)
            process.start()
            process.join()
    """,
    "test_network.py": """
        import socket

        def test_own_server():
            server = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(server.getsockname()).close()
            server.close()

        def test_elsewhere():
            try:
                socket.create_connection(("127.0.0.1", 9), timeout=1).close()
            except OSError:
                pass
    """,
    "test_library.py": """
        import ctypes

        def test_library():
            ctypes.CDLL("libc.so.6")
    """,
    "test_thread.py": """
        import threading
        DONE = threading.Event()

        def test_leaves_a_thread():
            threading.Thread(target=DONE.wait, name="left", daemon=True).start()

        def test_beside_a_thread():
            DONE.set()
    """,
}


@pytest.mark.parametrize("version", PYTHONS)
def test_what_cannot_be_followed_is_a_reason_against_a_proof(
    recorded: Callable[..., Written], version: str
) -> None:
    written = recorded(BEYOND, version, "--isolation", "fork")
    why = {test.partition("::")[2]: "; ".join(reasons) for test, reasons in written.reasons.items()}
    own = {test: text.partition("; ")[0] for test, text in why.items() if not text.startswith("test_")}
    assert own["test_starts_a_process"].startswith("it started a process: ")
    assert own["test_system"] == "it started a process: true"
    assert own["test_fork"] == "it forked a process"
    if version in MONITORED:
        assert "it started a process: multiprocessing" in why["test_spawn"]
    assert own["test_elsewhere"] == "it used the network: 127.0.0.1:9"
    assert own["test_library"] == "it loaded the native library libc.so.6"
    assert "the thread left of an earlier test still runs" in why["test_beside_a_thread"]
    assert "ran before it in the same process: " in why["test_after"]
    for process in written.processes.values():
        first = process[0].partition("::")[2]
        if first in ("test_before", "test_own_server", "test_leaves_a_thread"):
            assert why[first] == ""


@pytest.mark.parametrize("version", MONITORED)
def test_a_test_that_takes_monitoring_away_proves_nothing(
    recorded: Callable[..., Written], version: str
) -> None:
    text = """
        import sys

        def test_takes_it():
            for tool in range(6):
                if sys.monitoring.get_tool(tool) == "apex":
                    sys.monitoring.free_tool_id(tool)
    """
    written = recorded({"test_taking.py": text}, version)
    assert written.reasons["test_taking.py::test_takes_it"] == [
        "it took sys.monitoring away from the recorder"
    ]


def test_a_file_that_changes_during_the_run_has_no_digest(recorded: Callable[..., Written]) -> None:
    text = """
        def test_reads_then_appends():
            assert open("log.txt").read() == "a"
            with open("log.txt", "a") as file:
                file.write("b")
    """
    written = recorded({"log.txt": "a", "test_log.py": text}, "3.11")
    assert written.data["test_log.py::test_reads_then_appends"] == {"log.txt": "file"}
    assert written.digests == {"log.txt": None}


def test_a_process_with_costly_session_fixtures_is_kept_and_the_file_says_so(
    recorded: Callable[..., Written],
) -> None:
    files = {
        "conftest.py": """
            import pytest, time

            @pytest.fixture(scope="session", autouse=True)
            def costly():
                time.sleep(0.4)
        """,
        "test_one.py": "def test_one(): pass",
        "test_two.py": "def test_two(): pass",
    }
    written = recorded(files, "3.11")
    assert len(written.processes) == 1
    (reasons,) = written.shared.values()
    assert reasons[0].startswith("setting up session fixtures took 0.")


def test_long_chains_have_processes_of_their_own(recorded: Callable[..., Written]) -> None:
    text = "import time\ndef test_it(): time.sleep(0.3)\n"
    # One chain may wait behind another whose duration nobody knows yet; a third has a process of its own.
    written = recorded({f"test_{name}.py": text for name in ("one", "two", "three")}, "3.11")
    assert {process: len(tests) for process, tests in written.processes.items()} == {
        ("gw0", 1): 2,
        ("gw0", 2): 1,
    }
    assert list(written.shared) == [("gw0", 1)]


def test_a_lane_that_dies_keeps_what_was_recorded_before(tmp_path: Path, apex: Callable[..., Any]) -> None:
    project = tmp_path / "project"
    project.mkdir()
    text = "import os\ndef test_good(): pass\ndef test_dies(): os.abort()\ndef test_after(): pass\n"
    (project / "test_dying.py").write_text(text)
    run = apex(project, args=["--recorder", "-n", "1"], environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert run.outcomes["test_dying.py::test_dies"] == "crashed"
    written = read(project / ".apex" / "runs" / run.id / "dependencies.jsonl")
    assert written.processes == {
        ("gw0", 1): ["test_dying.py::test_good"],
        ("gw0", 2): ["test_dying.py::test_after"],
    }


@pytest.mark.parametrize("isolation", ["spawn", "fork"])
def test_a_doctest_depends_on_the_whole_of_its_file(recorded: Callable[..., Written], isolation: str) -> None:
    files = {
        "pytest.ini": "[pytest]\naddopts = --doctest-modules\n",
        "shapes.py": 'def double(x):\n    """\n    >>> double(2)\n    4\n    """\n    return 2 * x\n',
    }
    written = recorded(files, "3.11", "--isolation", isolation)
    assert "shapes.py:*" in written.base | written.before("shapes.py::shapes.double")
    assert (
        written.environment["files"]["pytest.ini"] == hashlib.sha256(files["pytest.ini"].encode()).hexdigest()
    )


def test_without_the_recorder_there_is_no_file(tmp_path: Path, apex: Callable[..., Any]) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_it.py").write_text("def test_it(): pass\n")
    run = apex(project, args=["--no-recorder"])
    directory = project / ".apex" / "runs" / run.id
    assert run.exit_code == 0
    assert not list(directory.glob("dependencies*"))


def test_what_lets_nothing_be_proven_is_told_while_it_can_be_mended(
    tmp_path: Path, apex: Callable[..., Any]
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "test_plain.py").write_text("def test_plain(): pass\n")

    def told() -> list[str]:
        alerts = apex(project, ("--recorder",)).of("alert.raised")
        return [each["message"] for each in alerts if "later runs can prove" in each["message"]]

    assert told() == []
    (project / "test_starts.py").write_text(
        "import subprocess\nsubprocess.run(['true'], check=True)\ndef test_it(): pass\n"
    )
    (message,) = told()
    assert message.startswith(
        "later runs can prove none of these tests: while collecting, it started a process: "
    )
    assert message.endswith("true")
