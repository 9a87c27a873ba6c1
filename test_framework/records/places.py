"""Where runs are recorded, and whether one is alive: what can be said without reading a fact.

Rules: `status` must answer at once, so nothing is imported here that is not needed for that.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def state_home(project_root: Path) -> Path:
    """Where a project that cannot be written to keeps its runs (XDG base directory specification)."""
    import hashlib

    name = hashlib.sha256(os.fsencode(project_root)).hexdigest()[:16]
    return _state_homes() / name


def _state_homes() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(home) / "netra-apex"


def base_of(project_root: Path) -> Path:
    """Where this project's runs are recorded: in it, or in the user's state directory if it cannot be written to."""
    inside, outside = project_root / ".apex", state_home(project_root)
    return outside if not (inside / "runs").is_dir() and (outside / "runs").is_dir() else inside


def run_directories(project_root: Path) -> list[Path]:
    """The directories of the project's recorded runs, newest first (their ids begin with the time)."""
    bases = [project_root / ".apex"]
    if _state_homes().is_dir():
        bases.append(state_home(project_root))
    found: list[Path] = []
    for base in bases:
        try:
            names = os.listdir(base / "runs")
        except OSError:
            continue  # nothing was recorded there
        found += [base / "runs" / name for name in names if RUN_ID.match(name)]
    return sorted(found, key=lambda path: path.name, reverse=True)


def is_alive(path: Path) -> bool:
    """Whether the host of the run in this directory still holds its lock."""
    try:
        fd = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
