"""Reads what the project's processes print, each pipe for itself: lines of two lanes never mix.

Rules: everything happens in the event loop's own thread; a pipe is closed by whoever opened it.
"""

from __future__ import annotations

import asyncio
import os

from test_framework.engine.output import OutputLog

READ_BYTES = 1 << 18


class Printed:
    """The read ends of pipes that are stdout and stderr of the project's processes."""

    def __init__(self, log: OutputLog) -> None:
        self.log = log
        self._loop = asyncio.get_running_loop()
        self._watched: set[int] = set()

    def watch(self, fd: int | None) -> None:
        """Read the pipe whenever something is in it; None: the process has the terminal."""
        if fd is not None:
            os.set_blocking(fd, False)
            self._watched.add(fd)
            self._loop.add_reader(fd, self._read, fd)

    def drain(self, fd: int | None) -> None:
        """Read what is there now."""
        while fd in self._watched and self._read(fd):
            continue

    def forget(self, fd: int | None) -> None:
        """Read what is there and no more; a line without an end is ended."""
        self.drain(fd)
        if fd is not None:
            self._unwatch(fd)
            self.log.ended(fd)

    def _read(self, fd: int) -> bool:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self.log.write(data, fd)
            return True
        self._unwatch(fd)  # nobody has the other end any more
        return False

    def _unwatch(self, fd: int) -> None:
        if fd in self._watched:
            self._watched.discard(fd)
            self._loop.remove_reader(fd)
