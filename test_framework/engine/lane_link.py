"""The controller's end of one lane: its pipes, its process, its stack dump, and how it is stopped.

Rules: signals go through the lane's pidfd, so they cannot hit a stranger; pipes are read without waiting, and the end
of a pipe means nothing (a grandchild may hold it): only the process's end counts.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from typing import Any

from test_framework.core.instructions import Force

INTERRUPT_SIGNAL = signal.SIGRTMAX - 3
DUMP_SIGNAL = signal.SIGRTMAX - 4
LOST_CHANNEL = 77
PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = 1031


class LaneLink:
    """Pipes and process of one generation of a lane."""

    def __init__(self, lane: int, generation: int, *, own_output: bool = False) -> None:
        """`own_output`: the lane gets a pipe of its own for what it prints."""
        self.lane = lane
        self.generation = generation
        self.pid = 0
        self.pidfd = -1
        self.said_goodbye = False
        self.has_results = False
        """a first result has come: from then on the pipe is read in batches"""
        self.spoiled = ""
        self.ooms = oom_kills()
        instructions_out, self._instructions = os.pipe2(os.O_CLOEXEC)
        self.results, results_in = os.pipe2(os.O_CLOEXEC)
        self._crash = os.memfd_create("apex-crash", os.MFD_CLOEXEC)
        os.set_blocking(self.results, False)
        os.set_blocking(self._instructions, False)
        with suppress(OSError):
            import fcntl

            fcntl.fcntl(self.results, F_SETPIPE_SZ, PIPE_BYTES)
        self.their_ends = [instructions_out, results_in, os.dup(self._crash)]
        self.output: int | None = None
        """read end of the pipe for what it prints; None where that is its interpreter's"""
        if own_output:
            self.output, output_in = os.pipe2(os.O_CLOEXEC)
            self.their_ends.append(output_in)
        self._buffer = b""
        self._unsent = b""
        self.open = True

    def handed_over(self) -> None:
        """The lane has its descriptors: close our copies."""
        for fd in self.their_ends:
            os.close(fd)
        self.their_ends = []

    def send(self, message: dict[str, Any]) -> None:
        """Queue one instruction; a lane that is gone is noticed elsewhere."""
        self._unsent += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self.push()

    def push(self) -> bool:
        """Write what is queued; False while some of it still waits."""
        while self._unsent:
            try:
                done = os.write(self._instructions, self._unsent)
            except BlockingIOError:
                return False
            except BrokenPipeError:
                self._unsent = b""
                break
            self._unsent = self._unsent[done:]
        return True

    def read(self) -> list[list[Any]]:
        """All whole messages that wait, without waiting for more."""
        chunks = [self._buffer]
        while True:
            try:
                data = os.read(self.results, PIPE_BYTES)
            except BlockingIOError:
                break
            if not data:
                break
            chunks.append(data)
            if len(data) < 65536:
                break
        *lines, self._buffer = b"".join(chunks).split(b"\n")
        # One call for all of them: a busy lane tells thousands of results a second.
        found: list[list[Any]] = json.loads(b"[%s]" % b",".join(lines))
        return found

    def read_all(self) -> list[list[Any]]:
        """Everything that a dead lane has left in its pipe."""
        found: list[list[Any]] = []
        while True:
            more = self.read()
            if not more:
                return found
            found += more

    def stop(self, force: Force, index: int, why: str, message: str) -> None:
        match force:
            case Force.AFTER_TEST:
                self.send({"op": "stop"})
            case Force.INTERRUPT:
                self.send({"op": "interrupt", "test": index, "why": why, "message": message})
                if why == "timed_out":
                    self._signal(DUMP_SIGNAL)
                self._signal(INTERRUPT_SIGNAL)
                self._signal(signal.SIGCONT)
            case Force.TERMINATE:
                self._signal(signal.SIGTERM)
                self._signal(signal.SIGCONT)
            case Force.KILL:
                self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def stack(self) -> str:
        """What faulthandler wrote, at a crash or when asked."""
        size = os.fstat(self._crash).st_size
        text = os.pread(self._crash, min(size, 100_000), max(0, size - 100_000)).decode("utf-8", "replace")
        return without_machinery(text)

    def clear_stack(self) -> None:
        os.ftruncate(self._crash, 0)
        os.lseek(self._crash, 0, os.SEEK_SET)

    def without_output(self) -> int | None:
        """Its read end, which is no longer the link's to close."""
        output, self.output = self.output, None
        return output

    def close(self) -> None:
        if not self.open:
            return
        self.open = False
        self.handed_over()
        for fd in (self.results, self._instructions, self._crash):
            os.close(fd)
        if self.output is not None:
            os.close(self.output)
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


MACHINERY = ("/_pytest/", "/pluggy/", "/engine/inside/")


def without_machinery(stack: str) -> str:
    """A faulthandler dump without the frames of pytest and of ours below the test."""
    kept, dropped = [], 0
    for line in stack.splitlines():
        if line.startswith("  File ") and any(part in line for part in MACHINERY):
            dropped += 1
            continue
        if dropped and not line.startswith("  File "):
            kept.append(f"  ({dropped} frames of pytest and of the runner)")
            dropped = 0
        kept.append(line)
    if dropped:
        kept.append(f"  ({dropped} frames of pytest and of the runner)")
    return "\n".join(kept)


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory since it started (proc_vmstat)."""
    try:
        with open("/proc/vmstat", "rb") as file:
            for line in file:
                if line.startswith(b"oom_kill "):
                    return int(line.split()[1])
    except OSError:
        return 0
    return 0


def ending(status: int, said_goodbye: bool, killed_for_memory: bool) -> str:
    """In words, how a lane's process ended; '' when it ended as it should."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        if killed_for_memory and number == signal.SIGKILL:
            return "killed by the kernel: out of memory"
        return f"killed by {name}"
    code = os.waitstatus_to_exitcode(status)
    if said_goodbye and code == 0:
        return ""
    if code == LOST_CHANNEL:
        return "channel lost: the test closed the pipes to the runner"
    return f"exited early with status {code}"
