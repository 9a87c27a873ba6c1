"""Modes of somebody's own: who carries one out, and what it comes back with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from test_framework.model.outcome import EXIT_PRECEDENCE, ExitCode

ModeHandler = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]
"""`_execute_<mode>(execution_args)`"""


def handler_of(mode: str, holders: Iterable[Any], controllers: Iterable[type[Any]]) -> ModeHandler | None:
    """Who carries out a mode by its name: a controller's subclass, an agent, or a plugged-in controller class."""
    name = f"_execute_{mode}"
    owner, *_ = holders = list(holders)
    for holder in holders:
        if callable(getattr(holder, name, None)):
            handler: ModeHandler = getattr(holder, name)
            return handler
    for kind in controllers:
        if callable(getattr(kind, name, None)):
            return partial(getattr(kind, name), owner)
    return None


def mode_answer(mode: str, told: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Its own words first, then what its runs add up to; no run and no word is no success."""
    codes = {int(each["exit_code"]) for each in runs}
    code = next((each for each in EXIT_PRECEDENCE if each in codes), int(ExitCode.NO_TESTS))
    if "success" in told:
        code = int(ExitCode.OK) if told["success"] else code or int(ExitCode.FAILED)
    code = int(told.get("exit_code", code))
    reasons = [reason for each in runs for reason in each["reasons"]]
    if not runs and not told:
        reasons = [f"mode {mode} ran no tests and gave no answer"]
    last = runs[-1] if runs else {"run": None, "ledger": {}}
    return {
        **last,
        "reasons": reasons,
        **told,
        "mode": mode,
        "exit_code": code,
        "success": code == ExitCode.OK,
    }
