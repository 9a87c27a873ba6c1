"""A run's directory: `.apex/runs/<id>/` with its lock, facts.jsonl and output.

Rules: ids are ours and match `[A-Za-z0-9_-]{1,64}`; directories are 0700, files 0600; where the project cannot be
written to, the user's state directory serves instead and the run says so. Imported before the project's interpreter
is started, so what only later steps need is imported there.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from test_framework.records.places import state_home

if TYPE_CHECKING:
    from test_framework.model.facts import Stamped


def new_run_id() -> str:
    """Sortable by time (to the millisecond), unique without asking anybody: 20261123-043428-0d33f9a1c."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    when = time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds))
    return f"{when}-{rest // 1_000_000:03x}{os.urandom(3).hex()}"


@dataclass(slots=True)
class RunDirectory:
    """An open run directory; the lock says that its host is alive."""

    path: Path
    facts_fd: int
    lock_fd: int
    notes: list[str] = field(default_factory=list)

    @classmethod
    def create(cls, project_root: Path, run: str) -> RunDirectory:
        """Make the directory in the project, else in the user's state directory, else in a temporary one."""
        notes: list[str] = []
        for base in (project_root / ".apex", state_home(project_root), None):
            try:
                if base is None:
                    import tempfile

                    base = Path(tempfile.mkdtemp(prefix="netra-apex-"))
                return cls._open(base, run, notes)
            except OSError as problem:
                where = base if base is not None else "a temporary directory"
                notes.append(f"cannot write to {where}: {problem.strerror or problem}")
        raise OSError("; ".join(notes))

    @classmethod
    def _open(cls, base: Path, run: str, notes: list[str]) -> RunDirectory:
        path = base / "runs" / run
        make_private(base)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(path / "lock", flags, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(lock, f"{os.getpid()}\n".encode())
        facts = os.open(path / "facts.jsonl", flags | os.O_APPEND, 0o600)
        if notes:
            notes.append(f"this run is recorded in {path}")
        return cls(path, facts, lock, notes)

    def close(self) -> None:
        for fd in (self.facts_fd, self.lock_fd):
            os.close(fd)


def make_private(base: Path) -> None:
    """Create `.apex` with a .gitignore of its own."""
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignore = base / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def read_facts(path: Path) -> Iterator[Stamped]:
    """The facts of a run's file. A torn tail is dropped; damaged lines in the middle are skipped."""
    from test_framework.model.wire import WireError, decode

    with open(path, "rb") as file:
        for line in file:
            try:
                yield decode(line)
            except (WireError, ValueError, TypeError):
                continue
