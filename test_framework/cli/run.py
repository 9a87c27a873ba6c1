"""`apex run`: from options to a run, and its exit code.

Rules: settings are read (from a cache) before anything starts; then the project's interpreter is started; only then
are asyncio and the rest imported, while pytest is being imported over there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from test_framework.cli.arguments import without_effect
from test_framework.cli.project import find_interpreter, find_root, pytest_arguments, usable_cpus
from test_framework.cli.pytest_itself import become_pytest, only_prints
from test_framework.configuration.load import load_settings
from test_framework.core.selection import Wish, choose
from test_framework.engine.processes import Keeper, test_environment
from test_framework.records.runs import new_run_id


def run(options: argparse.Namespace, pytest_args: Sequence[str], argv: Sequence[str]) -> int:
    root = find_root(options.project_root)
    settings = load_settings(root, options.env)
    interpreter = find_interpreter(options.python, settings.tests.interpreter, root, os.environ)
    arguments, explicit = pytest_arguments(pytest_args, root)
    wish = make_wish(options, explicit)
    if options.use_layers and not options.execution_mode and not options.layers:
        foreground = tuple(layer.id for layer in settings.layers.values() if not layer.background)
        wish = make_wish(options, explicit, foreground)
    choose(wish, settings)
    if only_prints(pytest_args):
        become_pytest(interpreter, root, [*_options_for_pytest(options), *arguments])
    run_id = new_run_id()
    keeper = Keeper(run_id, root, test_environment(os.environ, run_id, {"TEST_ENV": settings.environment}))
    zygote = keeper.start(interpreter, terminal=options.pdb)

    # From here on the project's interpreter is busy importing pytest, and so are we.
    from test_framework.orchestration.master_orchestration_controller import (
        MasterOrchestrationConfig,
        MasterOrchestrationController,
    )

    config = MasterOrchestrationConfig(
        project_root=root,
        mode=options.execution_mode or _mode_name(wish),
        wish=wish,
        settings=settings,
        interpreter=interpreter,
        pytest_args=tuple(_options_for_pytest(options) + arguments),
        arguments=tuple(argv),
        isolation="inline" if options.pdb else options.isolation,
        tune_gc=not options.no_gc_tuning,
        measure_coverage=not options.no_coverage,
        progress_mode=options.progress_mode or ("console" if sys.stdout.isatty() else "simple"),
        verbose=options.verbose,
        show_output=options.no_capture,
        junit_path=options.junitxml,
        report_directory=options.output,
        dry_run=options.dry_run,
        notes=without_effect(options),
        started=(run_id, keeper, zygote),
    )
    from test_framework.cli.terminal import run_in_terminal

    return run_in_terminal(MasterOrchestrationController(config))


def _mode_name(wish: Wish) -> str:
    if wish.layers:
        return "layers"
    return "paths" if wish.explicit_paths else "legacy"


def make_wish(options: argparse.Namespace, explicit: bool, layers: tuple[str, ...] = ()) -> Wish:
    categories = tuple(options.categories or ([options.category] if options.category else ()))
    lanes = usable_cpus() if options.lanes in (None, "auto") else int(options.lanes)
    return Wish(
        mode=options.execution_mode,
        layers=layers or tuple(options.layers or ()),
        categories=categories,
        explicit_paths=explicit,
        fail_fast_mode=options.fail_fast_mode,
        fast_fail=options.fast_fail,
        max_failures=1 if options.exit_first else options.maxfail,
        test_timeout=options.test_timeout,
        run_timeout=options.run_timeout,
        lanes=1 if options.pdb else lanes,
        grace_seconds=options.grace,
        last_failed=options.last_failed,
        failed_first=options.failed_first,
    )


def _options_for_pytest(options: argparse.Namespace) -> list[str]:
    found: list[str] = []
    if options.keyword is not None:
        found += ["-k", options.keyword]
    if options.markers is not None:
        found += ["-m", options.markers]
    if options.tb:
        found.append(f"--tb={options.tb}")
    if options.no_capture:
        found.append("-s")
    if options.pdb:
        found.append("--pdb")
    return found
