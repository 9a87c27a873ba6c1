"""Asks the keeper to kill what tests left behind, and tells what it found.

Rules: an answer that never comes (the keeper is gone) is no reason to wait for ever; the caller sets the limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from test_framework.engine.executor import Listener
from test_framework.engine.processes import Keeper


class Sweeps:
    """The sweeps of one run, asked for and not yet answered."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self.ours: set[int] = set()
        """pids of lanes: one that is swept was orphaned by its dead parent, not left by a test"""
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._asked = 0

    def ask(self, *, session: int = 0, everything: bool = False) -> asyncio.Future[None]:
        """Kill orphans of one session, or every descendant; done when the keeper has answered."""
        self._asked += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[self._asked] = future
        try:
            self._keeper.ask({"op": "sweep", "id": self._asked, "session": session, "everything": everything})
        except OSError:
            future.set_result(None)
        return future

    def swept(self, message: Mapping[str, Any], listener: Listener | None) -> None:
        """The keeper's answer."""
        if listener is not None:
            for row in message["killed"]:
                if row["pid"] not in self.ours:
                    listener.left_behind(row["argv"], row["pid"], row["test"])
        future = self._waiting.pop(message["id"], None)
        if future is not None and not future.done():
            future.set_result(None)
