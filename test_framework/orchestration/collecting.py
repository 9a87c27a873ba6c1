"""Waits for the project's pytest to collect, or for a reason not to wait any longer."""

from __future__ import annotations

import asyncio

from test_framework.engine.executor import Collection, Executor


async def collected(executor: Executor, cancelled: asyncio.Event, seconds: float | None) -> Collection | None:
    """What the project's pytest found; None when the run was cancelled before that, or its time (`seconds`) was up."""
    collecting = asyncio.ensure_future(executor.collect())
    stopping = asyncio.ensure_future(cancelled.wait())
    try:
        done, _ = await asyncio.wait(
            {collecting, stopping}, return_when=asyncio.FIRST_COMPLETED, timeout=seconds
        )
        return collecting.result() if collecting in done else None
    finally:
        for task in (collecting, stopping):
            task.cancel()
