"""A program that runs beside the tests, with a keeper of its own.

Rules: the keeper is its parent and the subreaper of all that it starts; when our end of the keeper's socket closes, by
our will or because this process was killed, the keeper kills them all. Nothing is ever killed by a number alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from test_framework.engine.processes import open_process

STARTED_SECONDS = 5.0
"""how long the keeper may take until it says which process it has started"""


class Daemon:
    """One launched program."""

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path
    ) -> None:
        """Start it; what it prints is appended to `log`. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptors = [os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)]
        try:
            descriptors.append(os.open(log, flags, 0o600))
            self._keeper = _start_keeper(argv, environment, directory, descriptors, theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            for fd in descriptors:
                os.close(fd)
        self._control = ours
        self._pidfd = -1
        self._ended = ""
        self._born()

    def _born(self) -> None:
        """Hear from the keeper which process it is."""
        self._control.settimeout(STARTED_SECONDS)
        with suppress(OSError):
            told = json.loads(self._control.recv(1 << 16) or b"{}")
            if "pid" in told:
                self._pidfd = open_process(told["pid"])
        self._control.setblocking(False)

    def ended(self) -> str:
        """How it ended, in words; '' while it lives."""
        if not self._ended and self._is_over():
            self._ended = self._told() or "it is gone"
        return self._ended

    def _is_over(self) -> bool:
        if self._pidfd < 0:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def _told(self) -> str:
        """What the keeper says of the end; waits a moment, since the process is gone already."""
        until = time.monotonic() + 1.0
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        while (left := until - time.monotonic()) > 0 and poll.poll(left * 1000):
            try:
                message = json.loads(self._control.recv(1 << 16) or b"{}")
            except OSError:
                break
            if not message:
                break
            if message.get("type") == "exited":
                return _how(int(message["status"]))
        return ""

    async def stop(self, number: int = signal.SIGTERM, grace_seconds: float = 5.0) -> None:
        """End it by the signal, and after the grace by force, with all that it has started."""
        if self._pidfd >= 0 and not self._is_over():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)
            await self._wait_over(grace_seconds)
        self._ended = self._ended or "it was stopped"
        self._control.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        await asyncio.to_thread(_wait_for, self._keeper)

    async def _wait_over(self, seconds: float) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._pidfd, over.set)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)
        finally:
            loop.remove_reader(self._pidfd)


def launch(argv: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path) -> Daemon:
    """See `services.provider.Launch`."""
    return Daemon(argv, environment, directory, log)


def _start_keeper(
    argv: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    descriptors: Sequence[int],
    control: socket.socket,
) -> int:
    import fcntl

    null, log = descriptors
    command = [
        sys.executable, "-I", "-S", str(Path(__file__).parent / "keeper_start.py"), "7", str(directory), "pipe", *argv,
    ]  # fmt: skip
    # Through high numbers first, so that no dup2 hits a descriptor that is still to be copied.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 50) for fd in (null, log, log, null, control.fileno())]
    actions = [(os.POSIX_SPAWN_DUP2, fd, place) for fd, place in zip(high, (3, 4, 5, 6, 7), strict=True)]
    try:
        return os.posix_spawn(sys.executable, command, dict(environment), file_actions=actions, setsigmask=())
    finally:
        for fd in high:
            os.close(fd)


def _wait_for(pid: int) -> None:
    with suppress(ChildProcessError):  # somebody else's handler has waited for it
        os.waitpid(pid, 0)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
