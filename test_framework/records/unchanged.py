"""The answer of the last gate that proved everything, and all that it looked at: the quickest way to "unchanged".

Rules: imports almost nothing, because it is asked before anything else. The answer holds for the same question only
while every file and directory that the gate looked at has the same size, times and inode, and every variable the same
value; anything else, also a damaged file, is no answer. Nothing younger than two seconds is written down: it could
change again without showing it.
"""

from __future__ import annotations

import marshal
import os
import sys
import time
import zlib

TYPE_CHECKING = False  # as typing has it, without importing it
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Answer = dict[str, Any]
    State = tuple[int, int, int, int]
    """size, mtime_ns, ctime_ns, inode"""

NAME = "unchanged.bin"
VERSION = 1
RACY_SECONDS = 2.0


def read_answer(base: str, question: tuple[str, ...], environ: Mapping[str, str]) -> Answer | None:
    """What was answered to the same question, where nothing that was looked at has changed since."""
    try:
        with open(os.path.join(base, NAME), "rb") as file:
            content = file.read()
        if zlib.crc32(content[8:]) != int(content[:8], 16):
            return None
        version, python, asked, rows, variables, answer = marshal.loads(content[8:])  # noqa: S302
    except (OSError, ValueError, EOFError, TypeError):
        return None
    if (version, python, asked) != (VERSION, sys.version, question):
        return None
    if variables != _values(variables, environ):
        return None
    if any(state != _state(path) for path, state in rows):
        return None
    found: Answer = answer
    return found


def write_answer(
    base: str,
    question: tuple[str, ...],
    environ: Mapping[str, str],
    paths: Iterable[str],
    variables: Iterable[str],
    answer: Answer,
    replaced: str = "",
) -> bool:
    """Keep an answer (plain values only); False where something is too young. Raises OSError.

    `replaced`: a file that is only ever replaced as a whole, so that its inode tells, however young it is.
    """
    young = (time.time() - RACY_SECONDS) * 1e9
    rows = [(path, _state(path)) for path in sorted({*paths, *([replaced] if replaced else [])})]
    if any(
        path != replaced and state is not None and max(state[1], state[2]) > young for path, state in rows
    ):
        return False
    values = _values(dict.fromkeys(variables), environ)
    body = marshal.dumps((VERSION, sys.version, question, rows, values, answer))
    temporary = os.path.join(base, f"{NAME}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with open(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(b"%08x" % zlib.crc32(body) + body)
    os.replace(temporary, os.path.join(base, NAME))
    return True


def _values(names: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Values of variables by name; a name that ends in `*` stands for all that begin so."""
    return {
        name: sorted((one, environ[one]) for one in environ if one.startswith(name[:-1]))
        if name.endswith("*")
        else environ.get(name)
        for name in names
    }


def _state(path: str) -> State | None:
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return None
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino
