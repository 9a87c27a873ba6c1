"""The program that runs inside the project's interpreter: a genuine pytest session that forks lanes.

Started as `python zygote.py CONTROL_FD`. Standard library and the project's own pytest only. Rules: the project must
not see us: `sys.path[0]`, `sys.argv` and `__main__` are what `python -m pytest` would have made them, and our
modules live under the one private name `_apex_inside`.
"""

import importlib.util
import os
import sys
import types

PRIVATE = "_apex_inside"


def _load():
    """Make this folder importable as `_apex_inside`, without touching sys.path."""
    package = types.ModuleType(PRIVATE)
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules[PRIVATE] = package
    return importlib.import_module(PRIVATE + ".channel")


def _look_like_pytest():
    """Leave the process as `python -m pytest` would: subprocesses and pickles of the tests see pytest's main."""
    sys.path[0] = os.getcwd()
    main = types.ModuleType("__main__")
    spec = importlib.util.find_spec("pytest.__main__")
    if spec is not None:
        main.__spec__, main.__file__, main.__loader__ = spec, spec.origin, spec.loader
        main.__package__ = "pytest"
        sys.argv[0] = spec.origin
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main


def run():
    channel = _load()
    control = channel.Control(int(sys.argv[1]))
    del sys.argv[1:]
    sys.path[0] = os.getcwd()
    try:
        import pytest
    except ImportError as problem:
        control.send({"type": "no_pytest", "message": str(problem), "executable": sys.executable})
        return 4
    version = getattr(pytest, "__version__", "?")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < (7, 0):
        control.send({"type": "no_pytest", "message": "pytest %s is too old: 7.0 or newer is needed" % version})
        return 4
    session = importlib.import_module(PRIVATE + ".session")
    _look_like_pytest()
    python = "%d.%d.%d" % sys.version_info[:3]
    control.send({"type": "hello", "python": python, "pytest": version, "executable": sys.executable})
    request = control.receive()
    if request is None:
        return 2
    sys.argv[1:] = request["args"]
    return session.run(control, request)


if __name__ == "__main__":
    status = run()
    sys.modules[PRIVATE + ".channel"].leave(status)
