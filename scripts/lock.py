"""Writes requirements.lock and requirements-dev.lock from pyproject.toml: all pinned, every file hashed.

Rules: needs uv (a development dependency) and the network. Pins that still fit are kept; `--upgrade` moves
them. The output names no index, so any mirror serves it; plain pip installs it with `--require-hashes`.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
RUNTIME = "requirements.lock"
DEVELOPMENT = "requirements-dev.lock"


def uv_command() -> list[str]:
    """How to call uv here: as a module of this interpreter, else from PATH."""
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    if found is None:
        sys.exit("lock: uv is not installed\n  install it: python -m pip install uv")
    return [found]


def write(lock: str, group: str, extra: list[str]) -> None:
    """Resolve the run-time dependencies and one dependency group into `lock`."""
    command = [*uv_command(), "pip", "compile", "pyproject.toml", "--quiet"]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url"]
    command += ["--custom-compile-command", "python scripts/lock.py", "--group", group, "--output-file", lock]
    subprocess.run([*command, *extra], cwd=REPOSITORY, check=True)


def main() -> int:
    """Write both locks; options are handed to uv (`--upgrade`, `--upgrade-package NAME`)."""
    extra = sys.argv[1:]
    write(RUNTIME, "own-fast-layer", extra)
    write(DEVELOPMENT, "dev", ["--constraint", RUNTIME, *extra])
    return 0


if __name__ == "__main__":
    sys.exit(main())
