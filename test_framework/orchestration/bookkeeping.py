"""What a run takes from former runs while it starts, and what it leaves to later ones when it is over.

Rules: reading and writing block, so they happen in threads; whatever goes wrong is a note and never a verdict.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from test_framework.core.planning import Known
from test_framework.core.ranking import by_history
from test_framework.core.run_state import RunState
from test_framework.orchestration.preparation import Started
from test_framework.records import ledger
from test_framework.records.account import Account
from test_framework.records.checkout import Checkout
from test_framework.records.history import recall, tidy
from test_framework.records.retention import Retention


class Bookkeeping:
    """The books of one run. `account` is to be told every fact."""

    def __init__(self, started: Started, directory: Path | None) -> None:
        """`directory`: the run's own; None where nothing of it is recorded."""
        self.account = Account()
        self.checkout = Checkout()
        """which state of the project the run saw, once `seen` has been awaited"""
        self._started = started
        self._directory = directory
        self._tidying: asyncio.Task[list[str]] | None = None

    @property
    def base(self) -> Path:
        """Where runs and history are kept."""
        if self._directory is not None:
            return self._directory.parent.parent
        return self._started.preparation.project_root / ".apex"

    async def seen(self) -> Checkout:
        """Which state of the project this run sees."""
        self.checkout = await asyncio.to_thread(self._started.checkout.result)
        return self.checkout

    async def known(self) -> tuple[Known, list[str]]:
        """What the history says of the tests, and notes; read while pytest collects them."""
        if self._started.proving is not None:
            await asyncio.to_thread(self._started.proving.identify)
        if not self.base.is_dir():
            return Known(), []
        past, notes = await asyncio.to_thread(recall, self.base)
        if self._directory is not None:
            retention = Retention.from_settings(self._started.preparation.settings.history)
            self._tidying = asyncio.create_task(asyncio.to_thread(tidy, self.base, retention))
        known = Known(
            past.seconds,
            past.failed,
            past.whole,
            past.flaky,
            variances=past.variances,
            chances=by_history(past.ever_bad),
        )
        return known, notes

    async def tidied(self) -> list[str]:
        """Wait for what is done beside the tests; notes."""
        return await self._tidying if self._tidying is not None else []

    async def close(self, state: RunState) -> list[str]:
        """Leave what the run says of its tests to later runs; notes."""
        if self._directory is None:
            return []
        return await asyncio.to_thread(self._close, state)

    def _close(self, state: RunState) -> list[str]:
        run, notes, proving = self._started.run, [], self._started.proving
        if proving is not None:
            notes += proving.keep(run, self.account)
        whole = state.planned is not None and state.planned.whole
        try:
            ledger.keep(self.base, self.checkout, run, self.account, whole=whole)
        except OSError as problem:
            notes.append(f"what is owed cannot be kept: {problem.strerror or problem}")
        return notes
