"""Kills a forked child at its n-th step of writing: a statement of SQL, a rename, a removal, a synchronisation."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

_CALLS = ("open", "replace", "rename", "unlink", "mkdir", "fsync")


class _Steps:
    def __init__(self, last: int) -> None:
        self.left = last

    def step(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


@contextmanager
def _counted(steps: _Steps) -> Iterator[None]:
    class Counted(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            steps.step()
            return super().execute(*arguments)

        def executemany(self, *arguments: Any) -> sqlite3.Cursor:
            steps.step()
            return super().executemany(*arguments)

        def close(self) -> None:
            steps.step()
            super().close()

    def counting(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            steps.step()
            return call(*arguments, **named)

        return counted

    connect = sqlite3.connect
    patches = [patch.object(os, name, counting(getattr(os, name))) for name in _CALLS]
    patches.append(patch.object(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Counted, **k)))
    for each in patches:
        each.start()
    yield


def killed_at(number: int, action: Callable[[], None]) -> bool:
    """Run `action` in a child that kills itself before its step `number` (from 0); False when it ended before."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            with _counted(_Steps(number)):
                action()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the action failed by itself"
    return False
