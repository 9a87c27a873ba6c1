"""The lock of what all runs of a project share: one writer at a time, and it dies with its process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "proof.lock"
LOCK_SECONDS = 5.0
LOCK_EVERY_SECONDS = 0.02


@contextmanager
def locked(base: Path) -> Iterator[None]:
    """Be the only writer. Raises OSError when another one does not end."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(base / LOCK, flags, 0o600)
    try:
        limit = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as problem:
                if time.monotonic() > limit:
                    raise OSError(
                        f"another run has been keeping its own for {LOCK_SECONDS:.0f} s"
                    ) from problem
                time.sleep(LOCK_EVERY_SECONDS)
        yield
    finally:
        os.close(lock)
