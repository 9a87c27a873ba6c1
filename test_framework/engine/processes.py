"""Starts the keeper, and through it the project's interpreters.

Rules: no asyncio, since this runs before anything heavy is imported; arguments are lists, never a shell; tests get
the user's environment minus our own secrets; every descriptor is close-on-exec except those named.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

OUR_SECRETS = frozenset({"APEX_TOKEN"})
LANE_VARIABLES = frozenset(
    {"PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID", "PYTEST_CURRENT_TEST"}
)
BIG_BUFFER = 4 << 20
MOST_DATAGRAM = 200_000
"""bytes; 256 KiB are read at once"""
ZYGOTE_FD = 3


def inside_directory() -> Path:
    return Path(__file__).parent / "inside"


def test_environment(environ: Mapping[str, str], run: str, more: Mapping[str, str]) -> dict[str, str]:
    """What tests inherit: the user's variables, minus our secrets and another runner's lane, plus the run's cookie."""
    kept = {
        key: value for key, value in environ.items() if key not in OUR_SECRETS and key not in LANE_VARIABLES
    }
    return {**kept, "APEX_RUN_ID": run, "APEX_ATTEMPT": "1", **more}


class Zygote:
    """The controller's ends of one project interpreter: control socket and output pipe."""

    def __init__(self, number: int, control: socket.socket, output: int | None) -> None:
        self.number = number
        self.control = control
        self.output = output
        """read end of the pipe that is its stdout and stderr; None when it has the terminal"""
        self._pidfd = -1
        self._parts: list[bytes] = []

    def send(self, message: Mapping[str, Any], fds: Sequence[int] = ()) -> None:
        """Send one message, in parts where it is long (see inside/channel.py). Raises OSError when nobody listens."""
        data = json.dumps(message).encode()
        while len(data) > MOST_DATAGRAM:
            self.control.send(b"+" + data[:MOST_DATAGRAM])
            data = data[MOST_DATAGRAM:]
        if fds:
            socket.send_fds(self.control, [data], list(fds))
        else:
            self.control.send(data)

    def receive(self) -> tuple[dict[str, Any] | None, list[int]]:
        """The next whole message and its descriptors; None at the end. Raises BlockingIOError when none waits."""
        while True:
            data, fds, _flags, _address = socket.recv_fds(self.control, 1 << 18, 4)
            if data[:1] == b"+":
                self._parts.append(data[1:])
                continue
            whole, self._parts = b"".join([*self._parts, data]), []
            message: dict[str, Any] | None = json.loads(whole) if data else None
            return message, fds

    def last_messages(self) -> Iterator[tuple[dict[str, Any], list[int]]]:
        """What waits to be read of an interpreter that has ended."""
        while self.control.fileno() >= 0:
            try:
                message, fds = self.receive()
            except OSError:
                return
            if message is None:
                return
            yield message, fds

    def born(self, pid: int) -> None:
        self._pidfd = open_process(pid)

    def kill(self) -> None:
        """Kill it ourselves: for when the keeper, whose task that is, is gone."""
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        self.control.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if self.output is not None:
            os.close(self.output)
            self.output = None


class Keeper:
    """The host's end of the keeper process."""

    def __init__(self, run: str, directory: Path, environment: Mapping[str, str]) -> None:
        self.run = run
        self.directory = directory
        self.environment = dict(environment)
        self.pid = 0
        self.control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._numbers = 0

    def start(self, interpreter: str, *, terminal: bool = False) -> Zygote:
        """Start the keeper together with its first zygote; returns at once."""
        zygote, fds = self._ends(terminal)
        argv = [
            sys.executable, "-I", "-S", str(Path(__file__).parent / "keeper_start.py"),
            "7", str(self.directory), "terminal" if terminal else "pipe", *zygote_command(interpreter),
        ]  # fmt: skip
        # Through high numbers first, so that no dup2 hits a descriptor that is still to be copied.
        high = [_high(fd) for fd in (*fds, self._theirs.fileno())]
        actions = [(os.POSIX_SPAWN_DUP2, fd, place) for fd, place in zip(high, (3, 4, 5, 6, 7), strict=True)]
        # Whatever the calling thread of a host blocks: tests get their signals.
        self.pid = os.posix_spawn(sys.executable, argv, self.environment, file_actions=actions, setsigmask=())
        for fd in high:
            os.close(fd)
        self._theirs.close()
        self._close(fds, terminal)
        return zygote

    def spawn(self, interpreter: str, environment: Mapping[str, str]) -> Zygote:
        """Start one more interpreter (a spawned lane)."""
        self._numbers += 1
        zygote, fds = self._ends(False, self._numbers)
        request = {
            "op": "spawn",
            "id": zygote.number,
            "argv": zygote_command(interpreter),
            "env": {**self.environment, **environment},
            "cwd": str(self.directory),
        }
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # the keeper's end is noticed by who listens to it
            socket.send_fds(self.control, [json.dumps(request).encode()], fds)
        self._close(fds, False)
        return zygote

    def ask(self, message: Mapping[str, Any]) -> None:
        self.control.send(json.dumps(message).encode())

    def receive(self) -> dict[str, Any] | None:
        """The keeper's next message; None when it is gone."""
        try:
            data = self.control.recv(1 << 20)
        except ConnectionResetError:
            return None
        message: dict[str, Any] | None = json.loads(data) if data else None
        return message

    def wait(self) -> None:
        """Wait until the keeper process has ended."""
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            return  # somebody else's handler has waited for it

    def _ends(self, terminal: bool, number: int = 0) -> tuple[Zygote, list[int]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for each in (ours, theirs):
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                each.setsockopt(socket.SOL_SOCKET, option, BIG_BUFFER)
        control = theirs.detach()
        if terminal:
            return Zygote(number, ours, None), [0, 1, 2, control]
        reading, writing = os.pipe2(os.O_CLOEXEC)
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return Zygote(number, ours, reading), [null, writing, writing, control]

    @staticmethod
    def _close(fds: list[int], terminal: bool) -> None:
        for fd in set(fds[3:] if terminal else fds):
            os.close(fd)


def open_process(pid: int) -> int:
    """A pidfd of the process, -1 when it is gone already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1


def zygote_command(interpreter: str) -> list[str]:
    return [interpreter, str(inside_directory() / "zygote.py"), str(ZYGOTE_FD)]


def _high(fd: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 50)
