"""Finds the Python interpreters to measure with, on PATH or among pyenv's versions.

Rules: an interpreter counts only after it answered for itself (a shim may stand for nothing); what was
asked for and not found is an error, what was merely hoped for is left out and named.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.suites import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)"


@dataclass(frozen=True, slots=True)
class Interpreter:
    executable: Path
    full_version: str

    @property
    def version(self) -> str:
        """major.minor"""
        return ".".join(self.full_version.split(".")[:2])


def ask(executable: str) -> Interpreter | None:
    """What an executable says of itself; None when it is no Python that starts."""
    try:
        answer = subprocess.run(
            [executable, "-I", "-c", _ASK], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = answer.stdout.split()
    if answer.returncode or len(lines) < 2:
        return None
    return Interpreter(executable=Path(lines[1]), full_version=lines[0])


def find(wanted: str) -> Interpreter:
    """The interpreter of a version ("3.13") or path. Raises `BenchmarkError` when there is none."""
    if not re.fullmatch(r"\d+\.\d+", wanted):
        found = ask(wanted)
        if found is None:
            raise BenchmarkError(f"{wanted} is not a Python interpreter that starts")
        return found
    for candidate in _candidates(wanted):
        found = ask(candidate)
        if found is not None and found.version == wanted:
            return found
    raise BenchmarkError(f"no Python {wanted} found on PATH or among pyenv's versions; give --python EXE")


def _candidates(version: str) -> Iterator[str]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = sorted(root.glob(f"{version}.*/bin/python"), key=_patch_number, reverse=True)
    yield from map(str, installed)
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield on_path


def _patch_number(path: Path) -> int:
    digits = re.search(r"\d+$", path.parent.parent.name)
    return int(digits.group()) if digits else -1
