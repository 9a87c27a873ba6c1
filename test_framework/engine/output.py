"""What the project's processes print outside of tests, kept with a limit: head and tail, and what was dropped.

Rules: bytes are kept as they came, secrets masked; with `-s` they are shown as they come; never parsed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

from test_framework.engine.redaction import Redactor

MOST_HEAD = 8 << 20
MOST_TAIL = 8 << 20


class OutputLog:
    """Collects output; `show` is called with each masked chunk where the user wants to see it."""

    def __init__(
        self, path: Path | None, redactor: Redactor, show: Callable[[bytes], None] | None = None
    ) -> None:
        self._path = path
        self._redactor = redactor
        self._show = show
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0
        self._partials: dict[int, bytes] = {}

    def write(self, data: bytes, source: int = 0) -> None:
        """Take a chunk of a source; whole lines are masked, so a secret cut in two by a chunk is still found."""
        data = self._partials.pop(source, b"") + data
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) < 65536:
            self._partials[source] = data
            return
        cut = cut or len(data)
        if data[cut:]:
            self._partials[source] = data[cut:]
        self._keep(self._masked(data[:cut]))

    def ended(self, source: int) -> None:
        """Nothing more comes from this source: what it began is a line too."""
        if rest := self._partials.pop(source, b""):
            self._keep(self._masked(rest))

    def _masked(self, data: bytes) -> bytes:
        text = data.decode("utf-8", "surrogateescape")
        if self._redactor.suspicious(text):
            return self._redactor.text(text).encode("utf-8", "surrogateescape")
        return data

    def _keep(self, data: bytes) -> None:
        if self._show is not None:
            self._show(data)
        room = MOST_HEAD - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size > MOST_TAIL:
            gone = self._tail.popleft()
            self._tail_size -= len(gone)
            self._dropped += len(gone)

    def finish(self) -> None:
        """Show and write what is left. Raises OSError where it cannot be written."""
        for source in list(self._partials):
            self.ended(source)
        if self._path is None or not self._head:
            return
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(self._head)
            if self._dropped:
                file.write(b"\n... %d bytes dropped ...\n" % self._dropped)
            for chunk in self._tail:
                file.write(chunk)

    def tail(self, most: int) -> str:
        """The last characters of it, for a message."""
        begun = b"".join(self._masked(each) for each in self._partials.values())
        whole = bytes(self._head) + b"".join(self._tail) + begun
        return whole[-most:].decode("utf-8", "backslashreplace")
