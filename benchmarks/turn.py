"""One measurement at a time in a work directory: two at once would disturb each other and share files.

Rules: the second one waits, and says so; the lock is the kernel's and ends with its process.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def take_turn(work: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the work directory for the time of the block, waiting until no other process holds it."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "turn.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: another benchmark uses {work}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
