"""A run in a terminal: signals, and the process's own end.

Rules: Ctrl-C once is gentle, twice kills, three times ends at once; SIGTERM and SIGHUP stop gently; each says what it
does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback

from test_framework.cli.main import complain
from test_framework.model.errors import UserError
from test_framework.model.outcome import ExitCode
from test_framework.orchestration.master_orchestration_controller import MasterOrchestrationController
from test_framework.orchestration.options import RunOptions


def run_in_terminal(controller: MasterOrchestrationController, options: RunOptions) -> int:
    """Run the controller in an event loop of its own and return the exit code."""
    try:
        return asyncio.run(_run(controller, options))
    except UserError as error:
        complain(error)
        return int(error.exit_code)
    except Exception:  # noqa: BLE001 - our bug: the whole story, and the exit code that says so
        traceback.print_exc()
        return int(ExitCode.INTERNAL_ERROR)


async def _run(controller: MasterOrchestrationController, options: RunOptions) -> int:
    loop = asyncio.get_running_loop()
    presses = 0

    def interrupted() -> None:
        nonlocal presses
        presses += 1
        if presses == 1:
            say("interrupted: running tests are stopped and fixtures torn down; Ctrl-C again kills them")
            controller.cancel_execution("interrupt")
        elif presses == 2:
            say("interrupted again: everything is killed; Ctrl-C once more ends at once")
            controller.cancel_execution("second_interrupt")
        else:
            os._exit(2)

    def told_to_end(number: int) -> None:
        say(f"{signal.Signals(number).name}: stopping")
        controller.cancel_execution("signal")

    loop.add_signal_handler(signal.SIGINT, interrupted)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told_to_end, number)
    try:
        outcome = await controller.execute_orchestration(options)
    finally:
        await controller.shutdown()
    return int(outcome["exit_code"])


def say(text: str) -> None:
    """On stderr, unless the live console on the same terminal says it already."""
    if sys.stdout.isatty() and sys.stderr.isatty():
        return
    try:
        sys.stderr.write(f"\napex: {text}\n")
        sys.stderr.flush()
    except OSError:
        return  # the terminal is gone; the run is being stopped anyway
