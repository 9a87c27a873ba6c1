"""The keeper: starts the run's processes, outlives a killed host, and leaves nothing behind.

Run by `keeper_start.py`; standard library only, nothing of the tool is imported. Rules: it is the parent of every
interpreter of the run and the subreaper of all their descendants, so whatever is orphaned becomes its child and can
be named and killed without guessing. When the host's end of the socket closes it kills everything and ends.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import time
from typing import Any

SWEEP_SECONDS = 5.0
PARTING_SECONDS = 3.0
"""how long a process that ends when nobody uses it any more may take for that"""
PARTING = (b"from multiprocessing.resource_tracker import", b"from multiprocessing.forkserver import")
"""Python's own helpers of a process that is gone; killed, they could not clean up after it (multiprocessing)"""


class Keeper:
    """One run's keeper; `serve` returns when the host is gone or said `quit`."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.known: dict[int, int] = {}
        """pid -> the host's number for it, for processes that we started"""
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        os.set_blocking(self.wake_read, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        while True:
            for fd, _event in poll.poll():
                if fd == self.wake_read:
                    self.drain_wakeups()
                    self.reap()
                elif not self.obey():
                    self.sweep(everything=True)
                    return

    def drain_wakeups(self) -> None:
        try:
            os.read(self.wake_read, 4096)
        except BlockingIOError:
            return

    def obey(self) -> bool:
        """Carry out one request of the host; False when it is gone or done."""
        try:
            data, fds, _flags, _address = socket.recv_fds(self.control, 1 << 20, 8)
        except OSError:
            return False
        if not data:
            return False
        request = json.loads(data)
        if request["op"] == "spawn":
            self.spawn(request, fds)
        elif request["op"] == "sweep":
            killed = self.sweep(everything=bool(request.get("everything")), session=request.get("session", 0))
            self.tell({"type": "swept", "id": request["id"], "killed": killed})
        elif request["op"] == "quit":
            return False
        return True

    def tell(self, message: dict[str, Any]) -> None:
        try:
            self.control.send(json.dumps(message).encode())
        except OSError as problem:
            if problem.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                raise

    def spawn(self, request: dict[str, Any], fds: list[int]) -> None:
        """Fork and exec; descriptors arrive in the order stdin, stdout, stderr, control."""
        failed_read, failed_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            self.become(request, fds, failed_write)
        os.close(failed_write)
        for fd in fds:
            os.close(fd)
        problem = os.read(failed_read, 1000).decode(errors="replace")
        os.close(failed_read)
        self.known[pid] = request["id"]
        self.tell({"type": "spawned", "id": request["id"], "pid": pid, "problem": problem})

    def become(self, request: dict[str, Any], fds: list[int], failed: int) -> None:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            if request.get("own_session", True):
                os.setsid()
            self.control.close()
            keep = [os.dup2(fd, 100 + place, inheritable=False) for place, fd in enumerate(fds)]
            for place, fd in enumerate(keep):
                os.dup2(fd, place, inheritable=True)
            os.chdir(request["cwd"])
            os.execve(request["argv"][0], request["argv"], request["env"])
        except BaseException as problem:  # noqa: BLE001 - a child must end here, whatever happened
            os.write(failed, f"{type(problem).__name__}: {problem}".encode()[:900])
        finally:
            os._exit(127)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.known:
                self.tell({"type": "exited", "id": self.known.pop(pid), "pid": pid, "status": status})

    def sweep(self, everything: bool, session: int = 0) -> list[dict[str, Any]]:
        """Kill what is left: every descendant, or the orphans of one session; returns what they were."""
        killed: dict[int, dict[str, Any]] = {}
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + SWEEP_SECONDS:
            found = [
                pid
                for pid in children()
                if everything or (pid not in self.known and session and session_of(pid) == session)
            ]
            alive = [pid for pid in found if state_of(pid) not in ("Z", "X", "")]
            for pid in alive:
                if now < begun + PARTING_SECONDS and is_parting(pid):
                    continue
                if pid not in killed and pid not in self.known:
                    killed[pid] = describe(pid)
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self.reap()
            if not found:
                break
            if not alive:
                continue
            select.select([self.wake_read], [], [], 0.05)
            self.drain_wakeups()
        return list(killed.values())


def children() -> list[int]:
    """Direct children of this process (none of them can be somebody else's: we have not waited for them)."""
    me, found = os.getpid(), []
    try:
        with open(f"/proc/{me}/task/{me}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        pass  # a kernel without CONFIG_PROC_CHILDREN: look at every process
    found += [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and stat_fields(int(name))[1:2] == [str(me)]
    ]
    return found


def stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on: state, ppid, pgrp, session, ..."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().decode(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def state_of(pid: int) -> str:
    return next(iter(stat_fields(pid)), "")


def session_of(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[3]) if len(fields) > 3 else -1


def is_parting(pid: int) -> bool:
    """Whether it ends by itself when those that used it have ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            line = file.read(4000)
    except OSError:
        return False
    return any(each in line for each in PARTING)


def describe(pid: int) -> dict[str, Any]:
    """Pid, command line and the test during which it was started, as far as /proc tells."""
    row: dict[str, Any] = {"pid": pid, "argv": [], "test": ""}
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            row["argv"] = [part.decode(errors="replace") for part in file.read(4000).split(b"\0") if part]
        with open(f"/proc/{pid}/environ", "rb") as file:
            for entry in file.read(200_000).split(b"\0"):
                if entry.startswith(b"PYTEST_CURRENT_TEST="):
                    row["test"] = entry.split(b"=", 1)[1].decode(errors="replace").rsplit(" (", 1)[0]
    except OSError:
        return row
    return row


def keep(control_fd: int, first: int) -> None:
    """Serve the host behind `control_fd`; `first` is the pid of the process that is started already."""
    control = socket.socket(fileno=control_fd)
    os.setsid()
    keeper = Keeper(control)
    keeper.known[first] = 0
    keeper.tell({"type": "spawned", "id": 0, "pid": first, "problem": ""})
    keeper.reap()
    keeper.serve()
