"""A program with a keeper of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from test_framework.engine.daemon import Daemon

SHELL = ["/bin/sh", "-c"]


def wait_until(condition: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"it never came that {what}"
        time.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_its_end_is_told_and_its_output_kept(tmp_path: Path) -> None:
    daemon = Daemon([*SHELL, "echo said; exit 7"], {}, tmp_path, tmp_path / "log")
    wait_until(daemon.ended, "it has ended")
    assert daemon.ended() == "exit status 7"
    assert (tmp_path / "log").read_text() == "said\n"
    asyncio.run(daemon.stop())


def test_what_kills_it_is_told(tmp_path: Path) -> None:
    daemon = Daemon([*SHELL, "kill -KILL $$"], {}, tmp_path, tmp_path / "log")
    wait_until(daemon.ended, "it has ended")
    assert daemon.ended() == "killed by SIGKILL"
    asyncio.run(daemon.stop())


def test_stopping_is_gentle_first_and_takes_along_what_it_started(tmp_path: Path) -> None:
    script = """
trap 'echo gentle; exit 0' TERM
setsid sleep 1000 & echo $! > child
echo ready > started
while true; do sleep 0.05; done
"""
    daemon = Daemon([*SHELL, script], {"PATH": os.environ["PATH"]}, tmp_path, tmp_path / "log")
    wait_until((tmp_path / "started").exists, "it has started")
    child = int((tmp_path / "child").read_text())
    assert alive(child)
    asyncio.run(daemon.stop(signal.SIGTERM, 10.0))
    assert "gentle" in (tmp_path / "log").read_text()
    wait_until(lambda: not alive(child), "its child is gone")


def test_one_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path) -> None:
    code = (
        "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path('started').touch()\nwhile True: signal.pause()"
    )
    daemon = Daemon([sys.executable, "-c", code], {}, tmp_path, tmp_path / "log")
    wait_until((tmp_path / "started").exists, "it has started")
    assert daemon.ended() == ""
    asyncio.run(daemon.stop(signal.SIGTERM, 0.1))
    assert daemon.ended() == "it was stopped"


def test_a_program_that_does_not_exist_ends_at_once(tmp_path: Path) -> None:
    daemon = Daemon([str(tmp_path / "none")], {}, tmp_path, tmp_path / "log")
    wait_until(daemon.ended, "it has ended")
    assert daemon.ended() == "exit status 127"
    assert "cannot start" in (tmp_path / "log").read_text()
    asyncio.run(daemon.stop())
