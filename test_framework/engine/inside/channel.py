"""Private pipes to the controller, and private references to what tests like to replace.

Rules: everything used while a test may have patched `time`, `os` or `json` is bound here, before the project's code
is imported. Verdicts travel only here; stdout is never parsed. Messages are JSON, one datagram or one line each.
"""

import atexit
import fcntl
import json
import os
import select
import socket
import sys
import threading

from time import monotonic, perf_counter  # noqa: F401

HIGH_FD = 600
MOST_DATAGRAM = 60_000

_read, _write, _fstat, _dup2, _exit, _getpid = os.read, os.write, os.fstat, os.dup2, os._exit, os.getpid
private_write = os.write
_poll = select.poll
_POLLIN = select.POLLIN


def _private_encoder():
    """json.dumps without the parts of json that a test may replace for good (CPython's C encoder, where it is)."""
    plain = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)
    make, quote = json.encoder.c_make_encoder, json.encoder.encode_basestring_ascii
    if make is None:
        return plain.encode
    write = make({}, plain.default, quote, None, ":", ",", False, False, True)
    join = "".join
    return lambda value: join(write(value, 0))


def _private_decoder():
    scan = json.JSONDecoder().scan_once
    return lambda text: scan(text, 0)[0]


encode = _private_encoder()
decode = _private_decoder()


def raise_fd(fd):
    """Move a descriptor where tests that close the first few hundred do not reach it; close-on-exec."""
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH_FD)
    except OSError:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return high


class Control:
    """The zygote's datagram socket to the controller; descriptors of new lanes arrive on it."""

    def __init__(self, fd):
        self.fd = raise_fd(fd)
        self.socket = socket.socket(fileno=self.fd)
        self.socket.setblocking(True)
        self.fds = []

    def send(self, message, fds=()):
        data = encode(message).encode("ascii")
        if fds:
            socket.send_fds(self.socket, [data], list(fds))
        else:
            self.socket.send(data)

    def send_rows(self, kind, rows):
        """Send a long list in several datagrams."""
        chunk, size = [], 0
        for row in rows:
            text = encode(row)
            if size + len(text) > MOST_DATAGRAM and chunk:
                self.socket.send(('{"type":"%s","rows":[%s]}' % (kind, ",".join(chunk))).encode("ascii"))
                chunk, size = [], 0
            chunk.append(text)
            size += len(text) + 1
        if chunk:
            self.socket.send(('{"type":"%s","rows":[%s]}' % (kind, ",".join(chunk))).encode("ascii"))

    def receive(self):
        """The next message, None when the controller is gone; its descriptors are in `fds`."""
        data, fds, _flags, _address = socket.recv_fds(self.socket, 1 << 18, 8)
        self.fds = fds
        return decode(data.decode("utf-8")) if data else None


class LanePipe:
    """A lane's two pipes: instructions in, results out. A lane whose pipes were closed under it ends at once."""

    def __init__(self, instructions, results):
        self.instructions = raise_fd(instructions)
        self.results = raise_fd(results)
        self._identity = self._stat(self.results)
        self._in_identity = self._stat(self.instructions)
        self._buffer = b""
        self._pending = []
        os.set_blocking(self.instructions, True)
        self._poll = _poll()
        self._poll.register(self.instructions, _POLLIN)

    @staticmethod
    def _stat(fd):
        status = _fstat(fd)
        return status.st_dev, status.st_ino

    def write(self, text):
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

    def ready(self):
        """Whether an instruction waits, without waiting."""
        return b"\n" in self._buffer or bool(self._poll.poll(0))

    def read(self):
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
        return decode(line.decode("utf-8"))


LOST_CHANNEL = 77
"""Exit status of a lane whose pipes were closed by a test."""


def leave(status):
    """End the process: threads and exit handlers as usual, but without taking every module apart."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):
                continue
        _exit(status & 0xFF)
