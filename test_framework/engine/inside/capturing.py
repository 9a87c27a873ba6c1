"""pytest's capture in a forked lane (_pytest.capture): files of its own, and a limit to what is read back.

Rules: where that part of pytest is absent or has changed shape nothing is done. No project is special here.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from typing import Any

MOST_OUTPUT = 8 << 20
"""bytes of head, and as many of tail, that one phase of a test may print"""


def pipe_of(fd: int) -> tuple[int, int] | None:
    """Which pipe a descriptor leads to; None where it is something else."""
    try:
        state = os.fstat(fd)
    except OSError:
        return None
    return (state.st_dev, state.st_ino) if stat.S_ISFIFO(state.st_mode) else None


def print_into(fresh: int, shared: tuple[int, int] | None) -> None:
    """Let every descriptor of the pipe that all lanes share lead to a pipe of this process's own; closes `fresh`.

    Capture, faulthandler and tests keep copies of stdout and stderr, so all descriptors are looked at.
    """
    if shared is not None:
        for fd in map(int, os.listdir("/proc/self/fd")):
            if pipe_of(fd) == shared:
                os.dup2(fresh, fd, inheritable=os.get_inheritable(fd))
    os.close(fresh)


def restart_capture(config: Any) -> None:
    """Files behind the capture are shared after a fork: put new ones behind the same objects.

    The objects stay, because tests that were collected may hold on to `sys.stdout`.
    """
    manager = config.pluginmanager.getplugin("capturemanager")
    capturing = getattr(manager, "_global_capturing", None)
    if capturing is None:
        return
    capturing.readouterr()
    for capture in (capturing.out, capturing.err):
        _own_file(capture)
        _cap(capture)


def _own_file(capture: Any) -> None:
    """Give a capture of a file descriptor an empty file of this process's own, under the same numbers."""
    tmpfile, target = getattr(capture, "tmpfile", None), getattr(capture, "targetfd", None)
    if tmpfile is None or not isinstance(target, int):
        return
    try:
        fd = tmpfile.fileno()
    except (OSError, ValueError, AttributeError):
        return  # it captures in memory: nothing is shared
    redirected = os.path.sameopenfile(fd, target)
    with tempfile.TemporaryFile(buffering=0) as fresh:
        os.dup2(fresh.fileno(), fd, inheritable=False)
    if redirected:
        os.dup2(fd, target)


def _cap(capture: Any) -> None:
    """A test that prints gigabytes must not fill memory: read back only head and tail."""
    tmpfile = getattr(capture, "tmpfile", None)
    if hasattr(capture, "snap") and hasattr(tmpfile, "buffer"):
        capture.snap = _capped_snap(capture, capture.snap)


def _capped_snap(capture: Any, whole: Callable[[], str]) -> Callable[[], str]:
    def snap() -> str:
        buffer = capture.tmpfile.buffer
        try:
            size = os.fstat(buffer.fileno()).st_size
        except (OSError, ValueError):
            return whole()
        if size <= 2 * MOST_OUTPUT:
            return whole()
        buffer.flush()
        buffer.seek(0)
        head = buffer.read(MOST_OUTPUT)
        buffer.seek(size - MOST_OUTPUT)
        tail = buffer.read(MOST_OUTPUT)
        buffer.seek(0)
        buffer.truncate()
        dropped = f"\n... {size - 2 * MOST_OUTPUT} bytes dropped ...\n"
        return f"{head.decode('utf-8', 'replace')}{dropped}{tail.decode('utf-8', 'replace')}"

    return snap
