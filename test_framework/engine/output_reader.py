"""Reads what the project's processes print, each pipe for itself: lines of two lanes never mix.

Rules: everything happens in the event loop's own thread; a pipe is closed by whoever opened it, or kept here until what
a test left behind was looked for: closed sooner, it would kill that process unseen.
"""

from __future__ import annotations

import asyncio
import os

from test_framework.engine.output import OutputLog

READ_BYTES = 1 << 18


class OutputReader:
    """The read ends of pipes that are stdout and stderr of the project's processes."""

    def __init__(self, log: OutputLog) -> None:
        self.log = log
        self._loop = asyncio.get_running_loop()
        self._watched: set[int] = set()
        self._kept: set[int] = set()

    def watch(self, fd: int | None) -> None:
        """Read the pipe whenever something is in it; None: the process has the terminal."""
        if fd is not None:
            os.set_blocking(fd, False)
            self._watched.add(fd)
            self._loop.add_reader(fd, self._read, fd)

    def read(self, fd: int | None) -> None:
        """Read what is there now: a pipe holds less than is read at once, and somebody may be filling it for ever."""
        if fd in self._watched:
            self._read(fd)

    def forget(self, fd: int | None) -> None:
        """Read what is there and no more; a line without an end is ended."""
        self.read(fd)
        if fd is not None:
            self._unwatch(fd)
            self.log.ended(fd)

    def keep(self, fd: int | None) -> None:
        """Read no more of it, and own it until it is released."""
        self.forget(fd)
        if fd is not None:
            self._kept.add(fd)

    def release(self, *fds: int | None) -> None:
        """Close what was kept; without arguments all of it."""
        for fd in fds or tuple(self._kept):
            if fd in self._kept:
                self._kept.discard(fd)
                os.close(fd)

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self.log.write(data, fd)
        else:
            self._unwatch(fd)  # nobody has the other end any more

    def _unwatch(self, fd: int) -> None:
        if fd in self._watched:
            self._watched.discard(fd)
            self._loop.remove_reader(fd)
