"""Which project, which interpreter, which paths: found from the command line and the surroundings.

Rules: nothing is started here; a thing that does not exist is a `UserError` that names it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from test_framework.model.errors import UserError


def find_root(asked: str | None, start: Path | None = None) -> Path:
    """The project to test: what was asked for, else the repository around the working directory, else that itself."""
    if asked is not None:
        root = Path(asked).expanduser().absolute()
        if not root.is_dir():
            raise UserError(f"--project-root {asked}: no such directory")
        return root
    here = (start or Path.cwd()).absolute()
    for candidate in (here, *here.parents):
        if (candidate / ".git").exists():
            return candidate
    return here


def find_interpreter(asked: str | None, configured: str, root: Path, environ: Mapping[str, str]) -> str:
    """The Python that runs the project's tests: asked for, configured, the project's .venv, $VIRTUAL_ENV, ours."""
    for name, where in ((asked, "--python"), (configured, "tests.interpreter")):
        if name:
            return _existing(name, where, root)
    candidates = [root / ".venv" / "bin" / "python"]
    if environ.get("VIRTUAL_ENV"):
        candidates.append(Path(environ["VIRTUAL_ENV"]) / "bin" / "python")
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return str(candidate)
    return sys.executable


def _existing(name: str, where: str, root: Path) -> str:
    if os.sep not in name:
        import shutil

        found = shutil.which(name)
    else:
        path = Path(name).expanduser()
        tries = [path] if path.is_absolute() else [Path.cwd() / path, root / path]
        found = next((str(each) for each in tries if each.is_file() and os.access(each, os.X_OK)), None)
    if found is None:
        raise UserError(
            f"{where} {name}: there is no such interpreter",
            "name a Python executable, for example python3.12",
        )
    return found


def pytest_arguments(arguments: Sequence[str], root: Path) -> tuple[list[str], bool]:
    """The arguments after `--` with paths made relative to the project, and whether any of them names tests."""
    here, found, explicit = Path.cwd(), [], False
    for argument in arguments:
        path, separator, rest = argument.partition("::")
        if argument.startswith("-") or not path:
            found.append(argument)
            continue
        if here != root and here.is_relative_to(root) and (here / path).exists():
            argument = os.path.relpath(here / path, root) + separator + rest
            explicit = True
        elif (root / path).exists():
            explicit = True
        found.append(argument)
    return found, explicit


def usable_cpus() -> int:
    """CPUs that this process may use: its affinity, and the quota of its control group."""
    count = len(os.sched_getaffinity(0))
    quota = _cgroup_quota()
    return max(1, min(count, int(quota + 0.5) or 1) if quota else count)


def _cgroup_quota() -> float | None:
    """CPUs of the control group's quota (cpu.max of v2, cpu.cfs_* of v1); None: no quota."""
    try:
        text = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return None if text[0] == "max" else int(text[0]) / int(text[1])
    except (OSError, ValueError, IndexError):
        pass  # no cgroup v2 here; v1 follows
    try:
        base = Path("/sys/fs/cgroup/cpu")
        quota = int((base / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((base / "cpu.cfs_period_us").read_text(encoding="ascii"))
        return quota / period if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
