"""Asked first of all: has everything that the same command line proved last time stayed as it was?

Rules: imports neither pathlib nor argparse. `answer_at_once` reads; `keep_answer` writes after a gate that proved all.
"""

from __future__ import annotations

import os
import sys
import time

from test_framework import __version__
from test_framework.records.unchanged import read_answer, write_answer

TYPE_CHECKING = False  # as typing has it, without importing it
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from test_framework.orchestration.gate import Gate
    from test_framework.records.unchanged import Answer

CHOOSING = ("VIRTUAL_ENV", "PATH", "HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "APEX_*")
"""variables by which interpreter, settings and directories are found"""


def print_answer(answer: Answer, began: float) -> int:
    """Say it as a run would have said it; returns the exit code. `began`: monotonic seconds."""
    for line in answer["lines"]:
        sys.stdout.write(f"{line}\n")
    if answer["last"]:
        sys.stdout.write(f"apex: {answer['last']} in {time.monotonic() - began:.2f} s - OK (exit 0)\n")
    sys.stdout.flush()
    return 0


def answer_at_once(argv: Sequence[str], environ: Mapping[str, str]) -> Answer | None:
    """The kept answer to this command line, if it still holds."""
    root = _root(argv)
    return read_answer(os.path.join(root, ".apex"), _question(argv, root), environ)


def keep_answer(argv: Sequence[str], environ: Mapping[str, str], gate: Gate, answer: Answer) -> bool:
    """Keep an answer to this command line. `gate` must have proved everything. Raises OSError."""
    assert gate.state == "proven"
    root = _root(argv)
    ancestors = [root]
    while os.path.dirname(ancestors[-1]) != ancestors[-1]:
        ancestors.append(os.path.dirname(ancestors[-1]))
    paths = [*gate.looked_at, *(os.path.join(directory, ".git", "HEAD") for directory in ancestors[1:])]
    variables = [*gate.variables, *CHOOSING]
    base = os.path.join(root, ".apex")
    memory = os.path.join(base, gate.memory_file)
    return write_answer(base, _question(argv, root), environ, paths, variables, answer, memory)


def _question(argv: Sequence[str], root: str) -> tuple[str, ...]:
    return (__version__, os.getcwd(), root, *argv)


def _root(argv: Sequence[str]) -> str:
    """The project as `find_root` finds it."""
    for index, argument in enumerate(argv):
        if argument == "--":
            break
        name, separator, value = argument.partition("=")
        if name == "--project-root":
            asked = value if separator else "".join(argv[index + 1 : index + 2])
            return os.path.abspath(os.path.expanduser(asked))
    here = directory = os.getcwd()
    while not os.path.exists(os.path.join(directory, ".git")):
        if os.path.dirname(directory) == directory:
            return here
        directory = os.path.dirname(directory)
    return directory
