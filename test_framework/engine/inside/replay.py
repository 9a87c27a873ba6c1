"""Reports of the lanes, handed to the plug-ins of the zygote's session as if it had run the tests.

Rules: bad reports are always replayed (the cache of last failures, exit status); all of them only where a plug-in
wants them, because a full report costs as much as a small test. Frames are length-prefixed JSON.
"""

import json
import os
import select
import struct

from .channel import decode, encode, private_write

HEAD = struct.Struct("<I")


class Replay:
    """Reads the lanes' replay pipes and calls the hooks."""

    def __init__(self, config, everything):
        self.config = config
        self.everything = everything
        self._buffers = {}

    def read(self, fd):
        """Take what is there; False at the end of the pipe."""
        data = os.read(fd, 1 << 20)
        if not data:
            return False
        buffer = self._buffers.setdefault(fd, bytearray())
        buffer += data
        while len(buffer) >= HEAD.size:
            (length,) = HEAD.unpack_from(buffer)
            if len(buffer) < HEAD.size + length:
                break
            frame = bytes(buffer[HEAD.size : HEAD.size + length])
            del buffer[: HEAD.size + length]
            self._call(decode(frame.decode("utf-8")))
        return True

    def drain(self, fd):
        """Everything that a dead lane has left; never waits, since a grandchild may hold the pipe."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while poll.poll(0):
            if not self.read(fd):
                break
        self._buffers.pop(fd, None)

    def _call(self, message):
        hook = self.config.hook
        kind = message[0]
        if kind == "report":
            report = hook.pytest_report_from_serializable(config=self.config, data=message[1])
            if report is not None:
                hook.pytest_runtest_logreport(report=report)
        elif kind == "start":
            hook.pytest_runtest_logstart(nodeid=message[1], location=tuple(message[2]))
        elif kind == "finish":
            hook.pytest_runtest_logfinish(nodeid=message[1], location=tuple(message[2]))


class Echo:
    """A lane's end of the replay pipe."""

    def __init__(self, config, fd, everything):
        self.config = config
        self.fd = fd
        self.everything = everything

    def report(self, report):
        if not self.everything and report.outcome in ("passed", "skipped"):
            return
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self._send(["report", data])

    def edge(self, kind, nodeid, location):
        if self.everything:
            self._send([kind, nodeid, list(location)])

    def _send(self, message):
        try:
            frame = encode(message).encode("ascii")
        except (TypeError, ValueError):
            frame = json.dumps(message, default=str).encode("ascii")
        data = HEAD.pack(len(frame)) + frame
        try:
            done = private_write(self.fd, data)
            while done < len(data):
                done += private_write(self.fd, data[done:])
        except OSError:
            self.everything = False
