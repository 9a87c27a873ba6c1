"""What others add: `plugins: [module:factory]` in a project's configuration, and entry points of installed packages.

Rules: a plug-in is an object, or something that is called without arguments to make one; what it is follows from what
it can do. One that cannot be loaded is one `UserError` that names it.
Entry points are looked for without importing importlib.metadata (30 ms) unless an installed package has some.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from test_framework.engine.executor import Executor
from test_framework.engine.output import OutputLog
from test_framework.engine.processes import Keeper, Zygote
from test_framework.engine.pytest_lanes import PytestLanes
from test_framework.engine.requests import LaneRequest
from test_framework.model.errors import UserError
from test_framework.orchestration.selecting import Selector
from test_framework.services.provider import Provider
from test_framework.sinks.protocol import Sink

PYTEST_LANES = "pytest"
MakeExecutor = Callable[[Keeper, Zygote, LaneRequest, OutputLog], Executor]

GROUPS = {
    "netra_apex.agents": "agent",
    "netra_apex.sinks": "sink",
    "netra_apex.executors": "executor",
    "netra_apex.providers": "provider",
    "netra_apex.selectors": "selector",
}
MEMBERS = {
    "agent": ("initialize", "execute"),
    "sink": ("handle", "tick", "close"),
    "provider": ("start",),
}
"""what an object of each kind can do; a selector is any callable and is known by its entry point only"""
LANES = ("collect", "begin", "open_lane", "tell_lane", "stop_lane", "hungry", "end_session", "close")
"""what an executor can do; each run makes one, from the class or function that was loaded"""


@dataclass(slots=True)
class Extensions:
    """What was loaded, by the names of its entry points or factories."""

    agents: dict[str, Any] = field(default_factory=dict)
    sinks: list[Callable[[], Sink]] = field(default_factory=list)
    """each makes the sink of one run"""
    selectors: dict[str, Selector] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    executors: dict[str, MakeExecutor] = field(default_factory=dict)
    controllers: list[type[Any]] = field(default_factory=list)

    def add(self, name: str, loaded: Any, kind: str, where: str) -> None:
        """Take in a loaded object, class or factory; `kind` is '' where it shall be found out."""
        if isinstance(loaded, type) and kind in ("", "agent") and _is_controller(loaded):
            self.controllers.append(loaded)
            return
        if kind == "selector":
            if not callable(loaded):
                raise _broken(where, "a selector has to be callable")
            self.selectors[name] = loaded
            return
        if kind == "executor" or (isinstance(loaded, type) and _has(loaded, LANES)):
            if not callable(loaded) or (isinstance(loaded, type) and not _has(loaded, LANES)):
                raise _broken(where, "it makes no executor", LANES)
            self.executors[name] = loaded
            return
        made = _made(loaded, where)
        kind = kind or next((each for each, members in MEMBERS.items() if _has(made, members)), "")
        if not kind or not _has(made, MEMBERS[kind]):
            wanted = kind or ", ".join(MEMBERS)
            raise _broken(
                where, f"it makes a {type(made).__name__}, which is no {wanted}", MEMBERS.get(kind, ())
            )
        if kind == "agent":
            self.agents[name] = made
        elif kind == "sink":
            self.sinks.append(_sinks_of(loaded, made, where))
        else:
            self.providers[name] = made

    def executor(self, name: str | None) -> MakeExecutor:
        """Who makes the executor of a run: ours, or the one of this name. Raises `UserError` for an unknown one."""
        if name in (None, PYTEST_LANES):
            return PytestLanes
        if name not in self.executors:
            raise _unknown("executor", name, (PYTEST_LANES, *self.executors), "netra_apex.executors")
        return self.executors[name]

    def provider(self, name: str) -> Provider:
        """The provider of this name. Raises `UserError` for an unknown one."""
        if name not in self.providers:
            raise _unknown("provider", name, tuple(self.providers), "netra_apex.providers")
        return self.providers[name]


def load_extensions(plugins: Sequence[str], project_root: Path) -> Extensions:
    """Everything that the project's configuration names and installed packages offer. Raises `UserError`."""
    found = Extensions()
    for spec in plugins:
        where = f"plug-in {spec}"
        found.add(spec.partition(":")[2], _imported(spec, project_root, where), "", where)
    for group, name, load in installed_entry_points(sys.path):
        where = f"entry point {name} of {group}"
        try:
            loaded = load()
        except Exception as problem:
            raise _broken(where, f"{type(problem).__name__}: {problem}") from problem
        found.add(name, loaded, GROUPS[group], where)
    return found


def installed_entry_points(path: Iterable[str]) -> list[tuple[str, str, Callable[[], Any]]]:
    """(group, name, load) of every entry point in one of `GROUPS`, in a fixed order."""
    if not any(map(_mentions_us, path)):
        return []
    from importlib.metadata import entry_points

    rows = [(each.group, each.name, each.load) for group in GROUPS for each in entry_points(group=group)]
    return sorted(rows, key=lambda row: (list(GROUPS).index(row[0]), row[1]))


def _mentions_us(directory: str) -> bool:
    """Whether a package installed in this directory of sys.path offers something in our groups."""
    try:
        names = os.listdir(directory or ".")
    except OSError:  # no directory: a zip file, or nothing
        return False
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(os.path.join(directory, name, "entry_points.txt"), "rb") as file:
                    if b"[netra_apex." in file.read():
                        return True
            except OSError:
                continue  # most packages have none
    return False


def _imported(spec: str, project_root: Path, where: str) -> Any:
    """The object that `module:name` means; modules of the project itself can be named."""
    module, _, names = spec.partition(":")
    root = str(project_root)
    if root not in sys.path:
        sys.path.append(root)  # behind everything else: a project cannot hide a module of ours
    try:
        loaded: Any = import_module(module)
        for name in names.split("."):
            loaded = getattr(loaded, name)
    except Exception as problem:
        raise _broken(where, f"{type(problem).__name__}: {problem}") from problem
    return loaded


def _made(loaded: Any, where: str) -> Any:
    if not isinstance(loaded, type) and not _is_function(loaded):
        return loaded
    try:
        return loaded()
    except Exception as problem:
        raise _broken(where, f"{type(problem).__name__}: {problem}") from problem


def _sinks_of(loaded: Any, made: Any, where: str) -> Callable[[], Sink]:
    """A maker of one sink a run; a ready-made object serves every run."""
    if not isinstance(getattr(made, "name", None), str):
        raise _broken(where, "its sink has no name", ("name", *MEMBERS["sink"]))
    if made is loaded:
        return lambda: made
    waiting = [made]
    return lambda: waiting.pop() if waiting else _made(loaded, where)


def _is_function(loaded: Any) -> bool:
    return callable(loaded) and not any(_has(loaded, members) for members in MEMBERS.values())


def _is_controller(loaded: type[Any]) -> bool:
    return callable(getattr(loaded, "execute_orchestration", None))


def _has(made: Any, members: Iterable[str]) -> bool:
    return all(callable(getattr(made, member, None)) for member in members)


def _unknown(kind: str, name: str | None, known: Sequence[str], group: str) -> UserError:
    return UserError(
        f"no {kind} is called {name}",
        f"known: {', '.join(known) or 'none'}; installed packages offer some by the entry point {group}",
    )


def _broken(where: str, why: str, members: Iterable[str] = ()) -> UserError:
    needs = (
        f"it needs: {', '.join(members)}" if members else "name module:factory, importable from the project"
    )
    return UserError(f"{where} cannot be loaded: {why}", needs)
