"""Which of the project's functions ran: by `sys.monitoring`, or coarser, by which of its files were run at import.

Rules: a block is (file, name of the outermost function), `<module>` for what runs at import, `*` for a whole file. A
place is noted the first time it runs in a process, then the interpreter is told to forget it, so that a hot function
costs nothing. (What a test ran itself although an earlier one had run it is therefore not known.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any

from .project_paths import ProjectPaths

MODULE, WHOLE = "<module>", "*"
TOOL_NAME = "apex"
TOOL_IDS = (4, 3)
"""ids that no tool has a claim to (0, 1, 2 and 5 are a debugger's, coverage's, a profiler's, an optimiser's)"""
OPTIMISED = 1
"""CO_OPTIMIZED: the code of a function, not of a module's or class's body"""

Block = tuple[str, str]
"""(path as told, name)"""
Watched = Callable[[FrameType], None]


def block_name(code: CodeType) -> str:
    """The outermost function that a code object belongs to; what runs at import belongs to `<module>`."""
    outer, nested, _ = code.co_qualname.partition(".<locals>")
    if not nested and not code.co_flags & OPTIMISED:
        return MODULE
    return MODULE if outer.rpartition(".")[2].startswith("<") else outer


class Monitored:
    """Python 3.12 and newer."""

    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths
        self._monitoring: Any = getattr(sys, "monitoring", None)
        self._tool = -1
        self._events = 0
        self._kinds: dict[str, str] = {}
        """by file name: path as told, '' where it is not the project's"""
        self._watched: dict[tuple[str, str], Watched] = {}
        """by file and name of a function of the standard library"""
        self._watched_files: set[str] = set()
        self._found: list[CodeType] = []
        self._blocks: dict[int, Block] = {}
        """by identity of a code object that `_kept` keeps alive"""
        self._kept: list[CodeType] = []

    def start(self) -> bool:
        """Begin; False where this interpreter cannot, or all ids are taken."""
        monitoring = self._monitoring
        if monitoring is None:
            return False
        for tool in TOOL_IDS:
            if monitoring.get_tool(tool) is None:
                break
        else:
            return False
        monitoring.use_tool_id(tool, TOOL_NAME)
        self._tool = tool
        events = monitoring.events
        self._events = events.PY_START | events.PY_RESUME | events.PY_THROW
        monitoring.register_callback(tool, events.PY_START, self._began())
        monitoring.register_callback(tool, events.PY_RESUME, self._began())
        monitoring.register_callback(tool, events.PY_THROW, self._thrown())
        monitoring.set_events(tool, self._events)
        return True

    def watch(self, filename: str, name: str, seen: Watched) -> None:
        """Have `seen` called with the frame of each call of a function of the standard library."""
        self._watched[filename, name] = seen
        self._watched_files.add(filename)

    def _began(self) -> Callable[[CodeType, int], Any]:
        kinds, classify, found = self._kinds.get, self._classify, self._found.append
        watched, disable, frame = self._watched, self._monitoring.DISABLE, sys._getframe

        def began(code: CodeType, _offset: int) -> Any:
            kind = kinds(code.co_filename)
            if kind is None:
                kind = classify(code.co_filename)
            if kind:
                found(code)
            elif kind is None:
                seen = watched.get((code.co_filename, code.co_qualname))
                if seen is not None:
                    seen(frame(1))
                    return None
            return disable

        return began

    def _thrown(self) -> Callable[[CodeType, int, BaseException], None]:
        kinds, classify, found = self._kinds.get, self._classify, self._found.append

        def thrown(code: CodeType, _offset: int, _exception: BaseException) -> None:
            kind = kinds(code.co_filename)
            if kind is None:
                kind = classify(code.co_filename)
            if kind:
                found(code)

        return thrown

    def _classify(self, filename: str) -> str | None:
        """None, and asked again each time, for the few files in which something is watched."""
        if filename in self._watched_files:
            return None
        kind = self._kinds[filename] = self._paths.code(filename) or ""
        return kind

    def take(self) -> set[Block]:
        """The blocks that ran since this was last asked."""
        found = self._found[:]
        del self._found[: len(found)]
        blocks = self._blocks
        taken = set()
        for code in found:
            block = blocks.get(id(code))
            if block is None:
                self._kept.append(code)
                block = blocks[id(code)] = (self._kinds[code.co_filename], block_name(code))
            taken.add(block)
        return taken

    def trouble(self) -> str:
        """Why not everything may have been seen; '' where nothing interfered."""
        monitoring = self._monitoring
        if monitoring.get_tool(self._tool) != TOOL_NAME or monitoring.get_events(self._tool) != self._events:
            return "it took sys.monitoring away from the recorder"
        return ""


class Imported:
    """Python 3.11: the files whose code was run by `exec`, which is how imports run theirs."""

    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths
        self._found: set[Block] = set()

    def ran(self, code: object) -> None:
        """`exec` was called."""
        if isinstance(code, CodeType):
            path = self._paths.code(code.co_filename)
            if path is not None:
                self._found.add((path, WHOLE))

    def take(self) -> set[Block]:
        """See `Monitored.take`."""
        found, self._found = self._found, set()
        return found

    def trouble(self) -> str:
        """See `Monitored.trouble`."""
        return ""


def imported_before(paths: ProjectPaths, modules: Iterable[Any]) -> set[Block]:
    """The project's files among modules that were imported before anybody watched."""
    found = set()
    for module in modules:
        origin = getattr(getattr(module, "__spec__", None), "origin", None) or getattr(
            module, "__file__", None
        )
        path = paths.code(origin) if isinstance(origin, str) and origin.endswith(".py") else None
        if path is not None:
            found.add((path, WHOLE))
    return found
