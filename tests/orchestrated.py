"""For tests that embed the controller: small projects, a manager that can be waited for, and nothing left behind.

Rules: waiting is for facts, never for time; every wait has a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

WAIT_SECONDS = 30.0
PASSING = "def test_well(): pass\n"
FAILING = "def test_bad(): assert 1 == 2\n"
WAITING = """
import pathlib, time
def test_waits(tmp_path):
    while not (pathlib.Path(__file__).parent / "go").exists():
        time.sleep(0.01)
"""
"""a test that ends when a file `go` is put beside it"""


def project(directory: Path, files: Mapping[str, str] | None = None) -> Path:
    """A project with these files; without any, one passing test of the category unit."""
    for name, text in (files or {"tests/unit/test_one.py": PASSING}).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (directory / "pytest.ini").touch()
    return directory


def here(directory: Path, **more: Any) -> dict[str, Any]:
    """What every controller of these tests is told: the project, and this interpreter."""
    return {"project_root": directory, "interpreter": sys.executable, **more}


class Manager:
    """A websocket manager that keeps what it is sent, and can be waited for."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    async def send_to_thread(self, thread_id: str, message: dict[str, Any]) -> None:
        del thread_id
        self.messages.append(message)
        self._changed.set()

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]

    async def wait(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message for which `condition` holds, as soon as it has come."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                self._changed.clear()
                for message in self.messages:
                    if condition(message):
                        return message
                await self._changed.wait()

    async def wait_running(self, test: str) -> dict[str, Any]:
        return await self.wait(lambda message: message["type"] == "test.started" and test in message["test"])


def wait_for_file(path: Path) -> None:
    """Until somebody has written `path`."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} was never written"
        time.sleep(0.01)


def children() -> list[int]:
    """Processes whose parent is this one."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that listed them
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return found


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """No process, thread or descriptor of this process outlives the block."""
    processes, threads, open_files = children(), set(threading.enumerate()), descriptors()
    yield
    assert children() == processes, "processes were left"
    assert set(threading.enumerate()) == threads, "threads were left"
    assert descriptors() == open_files, "descriptors were left"
