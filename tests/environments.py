"""Virtual environments with hash-pinned packages, for tests that need what this repository does not depend on.

They are kept between sessions in `$APEX_TEST_ENVS` (default: `.apex-test-envs/` of the repository). A Python that is
missing skips by name; with `APEX_TEST_OFFLINE` set, so does what cannot be built.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD_SECONDS = 300


def runs_as(candidate: str, version: str) -> bool:
    """Whether that file is a working interpreter of that version (a shim may be there and refuse)."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [candidate, "-c", code], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return False
    return done.stdout.strip() == version


@cache
def interpreter(version: str) -> str | None:
    """A Python of that version: ours, one on PATH, or one of pyenv's."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return str(getattr(sys, "_base_executable", sys.executable))
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [shutil.which(f"python{version}")]
    candidates += [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True)]
    return next((path for path in candidates if path and runs_as(path, version)), None)


def build(python: str, target: Path, requirements: Path) -> None:
    """Make a virtual environment at `target`, with uv where it is at hand, else with venv and pip."""
    shutil.rmtree(target, ignore_errors=True)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    inside = str(target / "bin" / "python")
    if uv:
        make = [uv, "venv", "--quiet", "--python", python, str(target)]
        fill = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--require-hashes",
            "--python",
            inside,
            "-r",
            str(requirements),
        ]
    else:
        make = [python, "-m", "venv", str(target)]
        fill = [inside, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements)]
    for command in (make, fill):
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        if done.returncode and os.environ.get("APEX_TEST_OFFLINE"):
            pytest.skip(f"APEX_TEST_OFFLINE is set and {target.name} cannot be built: {done.stderr[-300:]}")
        assert done.returncode == 0, f"{target.name} could not be built:\n{done.stdout}{done.stderr}"


def interpreter_with(pins: Path, version: str) -> str:
    """The interpreter of an environment with exactly these pins; built once, safe when two ask at once."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"not exercised here: no Python {version} on PATH or among pyenv's versions")
    root = Path(os.environ.get("APEX_TEST_ENVS") or REPOSITORY / ".apex-test-envs")
    root.mkdir(parents=True, exist_ok=True)
    (root / ".gitignore").write_text("*\n")
    target = root / f"{pins.stem}-py{version}"
    stamp = target / "apex-pins"
    wanted = hashlib.sha256(pins.read_bytes() + python.encode()).hexdigest()
    with (root / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            build(python, target, pins)
            stamp.write_text(wanted)
    return str(target / "bin" / "python")
