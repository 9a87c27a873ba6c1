"""Stopping an execution: the words for it, and waiting for its end from any event loop."""

from __future__ import annotations

import asyncio
from typing import Any

from test_framework.model.facts import CancelRequested
from test_framework.model.outcome import StopReason

_REASONS = frozenset(reason.name.lower() for reason in StopReason)
_WORDS = {
    "interrupt": "interrupted by the user",
    "second_interrupt": "interrupted twice by the user",
    "signal": "the run was told to end by a signal",
}


def stop_words(reason: str, message: str = "") -> tuple[str, str]:
    """(lower-case name of a StopReason, message); a reason that is no such name is what a person would say."""
    if reason not in _REASONS:
        return "interrupt", message or reason
    return reason, message or _WORDS.get(reason, reason)


async def wait_ended(task: asyncio.Task[Any]) -> None:
    """Until the task has ended, whatever loop it runs in; cancelling this leaves the task alone."""
    if task.done():
        return
    ended, here, there = asyncio.Event(), asyncio.get_running_loop(), task.get_loop()
    there.call_soon_threadsafe(task.add_done_callback, lambda _: here.call_soon_threadsafe(ended.set))
    await ended.wait()


def cancel_fact(reason: str, text: str) -> CancelRequested:
    """The whole run is told to stop; `reason` is the lower-case name of a StopReason."""
    return CancelRequested(reason=reason, scope="run", message=text)
