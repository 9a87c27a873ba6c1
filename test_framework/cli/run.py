"""`apex run`: from options to a run, and its exit code.

Rules: settings are read (from a cache) before anything starts; then the project's interpreter is started; only then
are asyncio and the rest imported, while pytest is being imported over there. A mode that only a plug-in can know is the
one case in which the plug-ins come first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from test_framework.cli.arguments import without_effect
from test_framework.cli.pytest_itself import become_pytest, only_prints
from test_framework.core.selection import MODES
from test_framework.model.errors import UserError
from test_framework.model.outcome import ExitCode


def run(options: argparse.Namespace, pytest_args: Sequence[str], argv: Sequence[str], began: float) -> int:
    """`began`: monotonic seconds at which the command was entered."""
    try:
        from test_framework.cli.asking import ask, may_be_answered
        from test_framework.cli.unchanged import print_answer
        from test_framework.orchestration.options import RunOptions
        from test_framework.orchestration.preparation import Started, find_place, prepare, start
    except ImportError as problem:
        return run_plainly(options, pytest_args, problem)
    told = RunOptions().told(options).told({"pytest_args": pytest_args})
    if told.progress_mode is None:
        told = told.told({"progress_mode": "console" if sys.stdout.isatty() else "simple"})
    place = find_place(told)
    started: Started | None = None
    mode, plugins = told.execution_mode, place.settings.plugins
    if mode is None or mode in MODES or mode in place.settings.modes or not plugins:
        preparation = prepare(told, place, argv, without_effect(options))
        if only_prints(pytest_args):
            become_pytest(preparation.interpreter, preparation.project_root, preparation.pytest_args)
        started = start(preparation)
        if may_be_answered(preparation):
            found = ask(started)
            if found is not None:
                started.abandon()
                return print_answer(found, began)

    # From here on the project's interpreter is busy importing pytest, and so are we.
    try:
        from test_framework.cli.terminal import run_in_terminal
        from test_framework.orchestration.controller_config import MasterOrchestrationConfig
        from test_framework.orchestration.master_orchestration_controller import MasterOrchestrationController
    except ImportError as problem:
        if started is not None:
            started.abandon()
        return run_plainly(options, pytest_args, problem)
    config = MasterOrchestrationConfig(project_root=place.project_root, started=started)
    return run_in_terminal(MasterOrchestrationController(config), told)


def run_plainly(options: argparse.Namespace, pytest_args: Sequence[str], problem: ImportError) -> int:
    """Where the orchestration cannot be imported: legacy runs by plain pytest, anything else is a `UserError`."""
    from test_framework.cli.embedding import should_use_orchestration
    from test_framework.cli.plain_run import plain_run

    if should_use_orchestration(options, available=True):
        raise UserError(
            f"layers and modes need the orchestration, which cannot be imported: {problem}",
            "mend the installation; legacy runs (--category NAME) work without it",
            ExitCode.INTERNAL_ERROR,
        )
    sys.stderr.write(
        f"apex: the orchestration cannot be imported ({problem}); this is plain pytest, one process\n"
    )
    return plain_run(options, pytest_args)
