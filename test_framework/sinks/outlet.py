"""A stream that cannot hold up the run: bytes are queued, a thread of its own writes them.

Rules: deadlines are kept while the reader of our output sleeps (a pager, a terminal after Ctrl-S), so the run
never waits for it, unless more than `LIMIT` bytes are queued. Bytes go to the descriptor itself: nothing is
left in a buffer that the interpreter would flush, and fail to flush, when it exits. The first error is kept
and raised by the next `write` or `close`.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from io import UnsupportedOperation
from typing import TextIO

LIMIT = 32 * 1024 * 1024
"""bytes that may wait for the reader"""


class Outlet:
    """Where a sink's bytes go. `write` is what writes some bytes for good, in another thread."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._error: OSError | ValueError | None = None
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def idle(self) -> bool:
        """Everything that was given has been written."""
        return self._bytes == 0

    def write(self, data: bytes) -> None:
        """Queue bytes. Raises the error that ended the stream (`BrokenPipeError`: its reader went away)."""
        with self._changed:
            if self._error is None and self._bytes > LIMIT:
                self._changed.wait_for(lambda: self._bytes <= LIMIT or self._error is not None)
            if self._error is not None:
                raise self._error
            if not data:
                return
            self._queue.append(data)
            self._bytes += len(data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="apex-outlet", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until all is written. Raises like `write`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                data = b"".join(self._queue)
                self._queue.clear()
            if not data:
                return
            try:
                self._write(data)
            except (OSError, ValueError) as error:  # ValueError: the stream was closed
                with self._changed:
                    self._error = error
                    self._queue.clear()
                    self._bytes = 0
                    self._changed.notify_all()
                return
            with self._changed:
                self._bytes -= len(data)
                self._changed.notify_all()


def outlet_to(stream: TextIO | None) -> Outlet:
    """An outlet to a text stream such as `sys.stdout`; None (a closed one) swallows everything."""
    if stream is None:
        return Outlet(_nowhere)
    stream.flush()
    try:
        descriptor = stream.fileno()
    except (UnsupportedOperation, AttributeError):
        return Outlet(lambda data: _write_text(stream, data))
    return Outlet(lambda data: write_fully(descriptor, data))


def write_fully(descriptor: int, data: bytes) -> None:
    """Write all of the bytes, also to a descriptor that somebody else made non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select((), (descriptor,), ())


def _nowhere(data: bytes) -> None:
    del data


def _write_text(stream: TextIO, data: bytes) -> None:
    stream.write(data.decode(stream.encoding or "utf-8", "backslashreplace"))
    stream.flush()
