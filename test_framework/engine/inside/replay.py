"""Reports of the lanes, handed to the plug-ins of the zygote's session as if it had run the tests.

Rules: bad reports are always replayed (the cache of last failures, exit status); all of them only where a plug-in
wants them, because a full report costs as much as a small test. Frames are length-prefixed and marshalled: both ends
are one interpreter, and tuples stay tuples.
"""

from __future__ import annotations

import marshal
import os
import select
import struct
import sys
import warnings
from typing import Any

from .channel import private_write
from .junit import add_to_junit

HEAD = struct.Struct("<I")
_dump, _load = marshal.dumps, marshal.loads


class Replay:
    """Reads the lanes' replay pipes and calls the hooks; what a hook raises goes to the caller.

    A test that came out badly is held back until the end, because it may be judged again: then only the last judgement
    is told.
    """

    def __init__(self, config: Any, everything: bool) -> None:
        self.config = config
        self.everything = everything
        self._pipes: dict[int, _Pipe] = {}
        self._held: dict[str, list[list[Any]]] = {}

    def open(self, fd: int, again: bool) -> None:
        """A lane was born; `again`: it only runs tests that have been judged before."""
        self._pipes[fd] = _Pipe(again)

    def read(self, fd: int) -> bool:
        """Take what is there; False at the end of the pipe."""
        data = os.read(fd, 1 << 20)
        if not data:
            return False
        pipe = self._pipes[fd]
        buffer = pipe.buffer
        buffer += data
        while len(buffer) >= HEAD.size:
            (length,) = HEAD.unpack_from(buffer)
            if len(buffer) < HEAD.size + length:
                break
            frame = bytes(buffer[HEAD.size : HEAD.size + length])
            del buffer[: HEAD.size + length]
            self._take(pipe, _load(frame))
        return True

    def drain(self, fd: int) -> None:
        """Everything that a dead lane has left; never waits, since a grandchild may hold the pipe."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while poll.poll(0):
            if not self.read(fd):
                break
        pipe = self._pipes.pop(fd)
        if not pipe.again:
            self._tell(pipe.test)

    def finish(self) -> None:
        """Tell what was held back: nothing will be judged again."""
        held, self._held = self._held, {}
        for messages in held.values():
            self._tell(messages)

    def _take(self, pipe: _Pipe, message: list[Any]) -> None:
        kind = message[0]
        if kind not in ("start", "report", "finish"):
            if not pipe.again:
                self._call(message)
        elif not (self.everything or pipe.again):
            self._held.setdefault(message[1]["nodeid"], []).append(message)
        else:
            pipe.test.append(message)
            if kind == "finish":
                self._test_over(message[1], pipe)

    def _test_over(self, nodeid: str, pipe: _Pipe) -> None:
        messages, pipe.test = pipe.test, []
        if pipe.again:
            if nodeid in self._held:
                self._held[nodeid] = messages
        elif any(_is_bad(message) for message in messages):
            self._held.setdefault(nodeid, []).extend(messages)
        else:
            self._tell(messages)

    def _tell(self, messages: list[list[Any]]) -> None:
        for message in messages:
            if self.everything or _is_bad(message):
                self._call(message)

    def _call(self, message: list[Any]) -> None:
        hook = self.config.hook
        kind = message[0]
        if kind == "report":
            report = hook.pytest_report_from_serializable(config=self.config, data=message[1])
            if report is not None:
                hook.pytest_runtest_logreport(report=report)
        elif kind == "start":
            hook.pytest_runtest_logstart(nodeid=message[1], location=message[2])
        elif kind == "finish":
            hook.pytest_runtest_logfinish(nodeid=message[1], location=message[2])
        elif kind == "warning":
            row = message[1]
            warning = warning_message(row)
            told = {"warning_message": warning, "when": row[2], "nodeid": row[3], "location": None}
            hook.pytest_warning_recorded.call_historic(kwargs=told)
        else:
            add_to_junit(self.config, kind, message[1])


class _Pipe:
    """What has come from one lane and was not told yet."""

    def __init__(self, again: bool) -> None:
        self.again = again
        self.buffer = bytearray()
        self.test: list[list[Any]] = []


def _is_bad(message: list[Any]) -> bool:
    return message[0] == "report" and message[1].get("outcome") not in ("passed", "skipped")


def warning_message(row: list[Any]) -> warnings.WarningMessage:
    """The warning of a row [module, name, when, test, text, file, line], as its own class where that is known here."""
    category = getattr(sys.modules.get(row[0]), row[1], UserWarning)
    try:
        message: Warning = category(row[4])
    except TypeError:  # its class wants other arguments
        message = UserWarning(f"{row[1]}: {row[4]}")
    return warnings.WarningMessage(message, category, row[5], row[6])


class Echo:
    """A lane's end of the replay pipe."""

    def __init__(self, config: Any, fd: int, everything: bool) -> None:
        self.config = config
        self.fd = fd
        self.everything = everything

    def report(self, report: Any) -> None:
        """Send a report, if anybody there wants it."""
        if not self.everything and report.outcome in ("passed", "skipped"):
            return
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        if data is not None:
            self.send(["report", data])

    def edge(self, kind: str, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Send that a test starts or has finished."""
        if self.everything:
            self.send([kind, nodeid, location])

    def warning(self, warning: warnings.WarningMessage, when: str, nodeid: str) -> None:
        """Send a warning, if anybody there wants it."""
        if self.everything:
            kind = warning.category
            place = [warning.filename, warning.lineno]
            self.send(
                ["warning", [kind.__module__, kind.__name__, when, nodeid, str(warning.message), *place]]
            )

    def send(self, message: list[Any]) -> None:
        """Send one message; when the zygote no longer listens, it is dropped."""
        try:
            frame = _dump(message)
        except ValueError:
            frame = _dump(_plain(message))
        data = HEAD.pack(len(frame)) + frame
        try:
            done = private_write(self.fd, data)
            while done < len(data):
                done += private_write(self.fd, data[done:])
        except OSError:
            self.everything = False


def _plain(value: Any) -> Any:
    """The same with what marshal does not know (paths, subclasses of str and int) as plain values."""
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    if isinstance(value, list | set | frozenset):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | bytes):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)
