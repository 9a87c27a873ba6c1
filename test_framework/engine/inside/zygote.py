"""The program that runs inside the project's interpreter: a genuine pytest session that forks lanes.

Started as `python zygote.py CONTROL_FD`. Standard library and the project's own pytest only. Rules: the project must
not see us: `sys.path[0]`, `sys.argv` and `__main__` are what `python -m pytest` would have made them, and our
modules live under the one private name `_apex_inside`.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import sys
import types
from typing import Any

PRIVATE = "_apex_inside"
OLDEST = (7, 0)


def _load(name: str) -> Any:
    """Import one of our modules as `_apex_inside.NAME`, without touching sys.path."""
    if PRIVATE not in sys.modules:
        package = types.ModuleType(PRIVATE)
        package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
        sys.modules[PRIVATE] = package
    return importlib.import_module(f"{PRIVATE}.{name}")


def _look_like_pytest() -> None:
    """Leave the process as `python -m pytest` would: subprocesses and pickles of the tests see pytest's main."""
    main: Any = types.ModuleType("__main__")
    spec = importlib.util.find_spec("pytest.__main__")
    if spec is not None and spec.origin is not None:
        main.__spec__, main.__file__, main.__loader__ = spec, spec.origin, spec.loader
        main.__package__ = "pytest"
        sys.argv[0] = spec.origin
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main


def _print_lines_at_once() -> None:
    """Where nothing is captured, what tests print is seen when they print it, as on a terminal."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.write_through:
        sys.stdout.reconfigure(line_buffering=True)


def run() -> int:
    """Say who we are, be told what to run, run it; the exit status of the session (of a lane: 0)."""
    control = _load("channel").Control(int(sys.argv[1]))
    del sys.argv[1:]
    sys.path[0] = os.getcwd()
    try:
        import pytest
    except ImportError as problem:
        control.send({"type": "no_pytest", "message": str(problem), "executable": sys.executable})
        return 4
    version = str(getattr(pytest, "__version__", "?"))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
        control.send({"type": "no_pytest", "message": f"pytest {version} is too old: 7.0 or newer is needed"})
        return 4
    session = _load("session")
    _look_like_pytest()
    _print_lines_at_once()
    python = ".".join(map(str, sys.version_info[:3]))
    control.send({"type": "hello", "python": python, "pytest": version, "executable": sys.executable})
    request = control.receive()
    if request is None:
        return 2
    sys.argv[1:] = request["args"]
    os.environ.update(request.get("variables", {}))
    return int(session.run(control, request))


if __name__ == "__main__":
    try:
        status = run()
    except Exception:
        sys.excepthook(*sys.exc_info())
        status = 3
    sys.modules[f"{PRIVATE}.channel"].leave(status)
