"""Requests that pytest answers by printing: its version, help, markers, fixtures, the list of tests.

Rules: nothing runs, so nothing is orchestrated or recorded: this process becomes the project's pytest, whose text and
exit code are the answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

PRINTING = frozenset(
    [
        "--version", "-V", "--help", "-h", "--markers", "--fixtures", "--funcargs", "--fixtures-per-test",
        "--collect-only", "--collectonly", "--co", "--cache-show", "--setup-plan",
    ]
)  # fmt: skip
LOOK = "import importlib.util as u, sys; sys.stdout.write('pytest' if u.find_spec('pytest') else 'none')"
LOOK_SECONDS = 30.0


def only_prints(arguments: Sequence[str]) -> bool:
    """Whether these arguments of pytest make it print something instead of running tests."""
    return any(argument.split("=", 1)[0] in PRINTING for argument in arguments)


def become_pytest(interpreter: str, root: Path, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by the project's pytest. Raises `UserError` where there is none."""
    _look(interpreter, root)
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(root)
    os.execv(interpreter, [interpreter, "-m", "pytest", *arguments])


def _look(interpreter: str, root: Path) -> None:
    import subprocess

    from test_framework.engine.gathering import no_pytest, no_python

    try:
        done = subprocess.run(
            [interpreter, "-c", LOOK],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LOOK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise no_python(interpreter, 127, str(problem)) from problem
    answer = done.stdout.decode(errors="replace").strip()
    if answer == "none":
        raise no_pytest(interpreter, "No module named 'pytest'")
    if answer != "pytest":
        raise no_python(interpreter, done.returncode, done.stderr.decode(errors="replace").strip()[-2000:])
