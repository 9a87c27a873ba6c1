"""What one process itself consumed, apart from the processes it started.

Rules: read from /proc while the ended process still stands there unreaped, so that nothing at its end is
missed and nothing of its children is counted; times come in clock ticks (usually 10 ms), memory in KiB.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Consumed:
    """Seconds and bytes of one process; `wall_seconds` from start to end."""

    exit_code: int
    wall_seconds: float
    processor_seconds: float
    peak_bytes: int
    """largest resident memory seen; the last `SAMPLE_SECONDS` of its life may be missed"""


def consume(argv: Sequence[str], cwd: Path, environment: Mapping[str, str], log: Path) -> Consumed:
    """Run a command to its end and say what its own process consumed."""
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        peaks: list[int] = [0]
        over = threading.Event()
        watcher = threading.Thread(target=_watch_peak, args=(process.pid, peaks, over))
        watcher.start()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall = time.perf_counter() - began
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8")
        over.set()
        watcher.join()
        code = process.wait()
    return Consumed(code, wall, own_seconds(stat), peaks[0])


def own_seconds(stat: str) -> float:
    """User and system seconds of the process itself: fields 14 and 15 of /proc/<pid>/stat, see proc(5)."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _watch_peak(pid: int, peaks: list[int], over: threading.Event) -> None:
    status = Path(f"/proc/{pid}/status")
    while not over.wait(SAMPLE_SECONDS):
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                peaks[0] = max(peaks[0], int(line.split()[1]) * 1024)
