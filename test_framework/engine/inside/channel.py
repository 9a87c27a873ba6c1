"""Private pipes to the controller, and private references to what tests like to replace.

Rules: everything used while a test may have patched `time`, `os` or `json` is bound here, before the project's code
is imported. Verdicts travel only here; stdout is never parsed. Messages are JSON, one datagram or one line each; a
message that is longer than a datagram may be comes in parts, all but the last of which begin with `+`.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic, perf_counter
from typing import Any, NoReturn

__all__ = ["Control", "LanePipe", "decode", "encode", "leave", "monotonic", "perf_counter", "raise_fd"]

HIGH_FD = 600
MOST_DATAGRAM = 200_000
"""bytes; the other end reads 256 KiB at once"""
GOOD_DATAGRAM = 60_000
LOST_CHANNEL = 77
"""Exit status of a lane whose pipes were closed by a test."""

private_write = os.write
_read, _write, _fstat, _exit = os.read, os.write, os.fstat, os._exit
own_pid = os.getpid
_poll = select.poll
_POLLIN = select.POLLIN


def _private_encoder() -> Callable[[Any], str]:
    """json.dumps without the parts of json that a test may replace for good (CPython's C encoder, where it is)."""
    plain = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)
    parts: Any = json.encoder
    make, quote = parts.c_make_encoder, parts.encode_basestring_ascii
    if make is None:
        return plain.encode
    write = make({}, plain.default, quote, None, ":", ",", False, False, True)
    join = "".join
    return lambda value: join(write(value, 0))


def _private_decoder() -> Callable[[str], Any]:
    decoder: Any = json.JSONDecoder()
    scan = decoder.scan_once
    return lambda text: scan(text, 0)[0]


encode = _private_encoder()
decode = _private_decoder()


def raise_fd(fd: int) -> int:
    """Move a descriptor where tests that close the first few hundred do not reach it; close-on-exec."""
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH_FD)
    except OSError:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return high


class Control:
    """The zygote's datagram socket to the controller; descriptors of new lanes arrive on it."""

    def __init__(self, fd: int) -> None:
        self.fd = raise_fd(fd)
        self.socket = socket.socket(fileno=self.fd)
        self.socket.setblocking(True)
        self.fds: list[int] = []
        """the descriptors that came with the last message"""

    def send(self, message: Mapping[str, Any], fds: Sequence[int] = ()) -> None:
        """Send one message, with descriptors if need be. Raises OSError when the controller is gone."""
        data = encode(message).encode("ascii")
        while len(data) > MOST_DATAGRAM:
            self.socket.send(b"+" + data[:MOST_DATAGRAM])
            data = data[MOST_DATAGRAM:]
        if fds:
            socket.send_fds(self.socket, [data], list(fds))
        else:
            self.socket.send(data)

    def send_rows(self, kind: str, rows: Iterable[Any]) -> None:
        """Send a long list in several messages of type `kind`."""
        chunk: list[Any] = []
        size = 0
        for row in rows:
            chunk.append(row)
            size += 64 + len(row if isinstance(row, str) else "".join(row[:1]))
            if size > GOOD_DATAGRAM or len(chunk) >= 500:
                self.send({"type": kind, "rows": chunk})
                chunk, size = [], 0
        if chunk:
            self.send({"type": kind, "rows": chunk})

    def receive(self) -> dict[str, Any] | None:
        """The next message, None when the controller is gone; its descriptors are in `fds`."""
        parts: list[bytes] = []
        while True:
            data, self.fds, _flags, _address = socket.recv_fds(self.socket, 1 << 18, 8)
            if not data:
                return None
            if data[:1] != b"+":
                message: dict[str, Any] = decode(b"".join([*parts, data]).decode("utf-8"))
                return message
            parts.append(data[1:])

    def abandon(self) -> None:
        """In a lane: the socket stays the zygote's."""
        os.close(self.socket.detach())


class LanePipe:
    """A lane's two pipes: instructions in, results out. A lane whose pipes were closed under it ends at once."""

    def __init__(self, instructions: int, results: int) -> None:
        self.instructions = raise_fd(instructions)
        self.results = raise_fd(results)
        self._identity = self._stat(self.results)
        self._in_identity = self._stat(self.instructions)
        self._buffer = b""
        os.set_blocking(self.instructions, True)
        self._poll = _poll()
        self._poll.register(self.instructions, _POLLIN)

    @staticmethod
    def _stat(fd: int) -> tuple[int, int]:
        status = _fstat(fd)
        return status.st_dev, status.st_ino

    def write(self, text: str) -> None:
        """Write one or more whole lines; never buffered beyond this call."""
        data = text.encode("ascii")
        try:
            if self._stat(self.results) != self._identity:
                raise OSError("replaced")
            done = _write(self.results, data)
            while done < len(data):
                done += _write(self.results, data[done:])
        except OSError:
            _exit(LOST_CHANNEL)

    def ready(self) -> bool:
        """Whether an instruction waits, without waiting."""
        return b"\n" in self._buffer or bool(self._poll.poll(0))

    def read(self) -> dict[str, Any] | None:
        """The next instruction; waits for it. None when the controller is gone."""
        while b"\n" not in self._buffer:
            try:
                if self._stat(self.instructions) != self._in_identity:
                    raise OSError("replaced")
                data = _read(self.instructions, 1 << 16)
            except OSError:
                _exit(LOST_CHANNEL)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        instruction: dict[str, Any] = decode(line.decode("utf-8"))
        return instruction


def leave(status: int) -> NoReturn:
    """End the process: threads and exit handlers as usual, but without taking every module apart."""
    try:
        machinery: Any = threading
        machinery._shutdown()
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):
                continue
        _exit(status & 0xFF)
