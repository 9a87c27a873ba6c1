from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from test_framework.model.errors import UserError
from test_framework.orchestration.custom_mode import handler_of, mode_answer
from test_framework.orchestration.extensions import (
    Extensions,
    load_extensions,
)

PLUGIN = """
class Agent:
    async def initialize(self): return True
    async def execute(self, request): return {"did": request}
    async def shutdown(self): pass
    def get_health_status(self): return {"agent": "Agent", "healthy": True}

class Sink:
    name = "mine"
    def handle(self, stamped, state): pass
    def tick(self, state): pass
    def close(self, state, verdict): pass

class Nameless(Sink):
    name = None

class Provider:
    async def start(self, spec, place, launch): pass

class Lanes:
    def __init__(self, keeper, zygote, request, output): pass
    collect = begin = open_lane = tell_lane = stop_lane = hungry = end_session = close = lambda self: None

class Controller:
    async def execute_orchestration(self, execution_args): pass
    async def _execute_special(self, execution_args): return {"success": True}

ready = Agent()

def agent(): return Agent()
def broken(): raise RuntimeError("no licence")
def nothing(): return None
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "their_plugin.py").write_text(PLUGIN)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("their_plugin", None)


def load(project: Path, *specs: str) -> Extensions:
    return load_extensions(specs, project)


def test_what_a_plug_in_is_follows_from_what_it_can_do(project: Path) -> None:
    found = load(
        project, "their_plugin:agent", "their_plugin:Agent", "their_plugin:ready", "their_plugin:Sink",
        "their_plugin:Controller",
    )  # fmt: skip
    assert list(found.agents) == ["agent", "Agent", "ready"]
    assert [maker().name for maker in found.sinks] == ["mine"]
    assert [kind.__name__ for kind in found.controllers] == ["Controller"]


def test_each_run_gets_a_sink_of_its_own(project: Path) -> None:
    (maker,) = load(project, "their_plugin:Sink").sinks
    assert len({id(sink) for sink in [maker(), maker(), maker()]}) == 3


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("no_such_module:agent", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("their_plugin:agnet", "AttributeError: module 'their_plugin' has no attribute 'agnet'"),
        ("their_plugin:broken", "RuntimeError: no licence"),
        ("their_plugin:nothing", "it makes a NoneType, which is no agent, sink"),
        ("their_plugin:Nameless", "its sink has no name"),
    ],
)
def test_a_broken_plug_in_is_one_error_that_names_it(project: Path, spec: str, why: str) -> None:
    with pytest.raises(UserError) as caught:
        load(project, spec)
    assert caught.value.what.startswith(f"plug-in {spec} cannot be loaded: {why}")
    assert caught.value.exit_code == 4


def install(directory: Path, name: str, text: str) -> None:
    place = directory / f"{name}-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (place / "entry_points.txt").write_text(text)


def test_entry_points_of_installed_packages_are_loaded_and_checked(project: Path) -> None:
    install(
        project,
        "theirs",
        "[netra_apex.agents]\nclerk = their_plugin:agent\n[netra_apex.sinks]\nmine = their_plugin:Sink\n"
        "[netra_apex.selectors]\nchosen = their_plugin:nothing\n[netra_apex.providers]\np = their_plugin:Provider\n"
        "[netra_apex.executors]\nfar = their_plugin:Lanes\n",
    )
    sys.path.insert(0, str(project))
    found = load(project)
    assert list(found.agents) == ["clerk"]
    assert [maker().name for maker in found.sinks] == ["mine"]
    assert type(found.provider("p")).__name__ == "Provider"
    assert found.executor("far").__name__ == "Lanes"
    assert found.executor(None) is found.executor("pytest")
    assert list(found.selectors) == ["chosen"]


def test_an_entry_point_must_be_what_its_group_says(project: Path) -> None:
    install(project, "theirs", "[netra_apex.executors]\nfast = their_plugin:Sink\n")
    sys.path.insert(0, str(project))
    with pytest.raises(UserError) as caught:
        load(project)
    assert (
        caught.value.what == "entry point fast of netra_apex.executors cannot be loaded: it makes no executor"
    )
    assert "open_lane" in caught.value.hint


def test_a_provider_and_an_executor_can_be_named_in_the_configuration(project: Path) -> None:
    found = load(project, "their_plugin:Provider", "their_plugin:Lanes")
    assert list(found.providers) == ["Provider"]
    assert list(found.executors) == ["Lanes"]
    for ask, known in ((found.executor, "pytest, Lanes"), (found.provider, "Provider")):
        with pytest.raises(UserError, match="is called dask") as caught:
            ask("dask")
        assert f"known: {known};" in caught.value.hint


def test_without_entry_points_of_ours_their_slow_reader_is_not_even_imported(tmp_path: Path) -> None:
    install(tmp_path, "other", "[console_scripts]\nx = y:z\n")
    ask = (
        "import sys; from test_framework.orchestration.extensions import installed_entry_points as look; "
        f"assert look([{str(tmp_path)!r}, '/no/such/place']) == []; print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_mode_is_carried_out_by_the_first_that_has_its_method() -> None:
    class Owner:
        async def _execute_mine(self, arguments: object) -> dict[str, object]:
            return {"by": "owner"}

    class Plugged:
        async def _execute_theirs(self, arguments: object) -> dict[str, object]:
            return {"by": type(self).__name__}

    owner = Owner()
    assert handler_of("mine", [owner, object()], []) == owner._execute_mine
    theirs = handler_of("theirs", [owner], [Plugged])
    assert asyncio.run(theirs({})) == {"by": "Owner"}  # type: ignore[arg-type, misc]
    assert handler_of("nobody", [owner], [Plugged]) is None


def run(code: int, *reasons: str) -> dict[str, object]:
    return {"run": f"run-{code}", "exit_code": code, "success": code == 0, "reasons": list(reasons)}


@pytest.mark.parametrize(
    ("told", "runs", "code", "success"),
    [
        ({}, [], 5, False),
        ({}, [run(0)], 0, True),
        ({}, [run(0), run(1, "1 failed"), run(10)], 1, False),
        ({"success": True}, [], 0, True),
        ({"success": False}, [], 5, False),
        ({"success": False}, [run(0)], 1, False),
        ({"exit_code": 11}, [run(0)], 11, False),
        ({"anything": 1}, [run(2)], 2, False),
    ],
)
def test_the_answer_of_a_custom_mode_is_its_word_else_what_its_runs_add_up_to(
    told: dict[str, object], runs: list[dict[str, object]], code: int, success: bool
) -> None:
    answer = mode_answer("mine", told, runs)
    assert (answer["mode"], answer["exit_code"], answer["success"]) == ("mine", code, success)


def test_a_custom_mode_that_did_nothing_and_said_nothing_says_that() -> None:
    assert mode_answer("mine", {}, [])["reasons"] == ["mode mine ran no tests and gave no answer"]
