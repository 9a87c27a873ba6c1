"""From options to everything that is known of a run before a process is started; and its first processes.

Rules: the one path for the command and for host applications; no asyncio here, since the command starts the project's
interpreter before it imports any; what was started and is not wanted is ended by `Started.abandon`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from test_framework.configuration.load import load_settings
from test_framework.core.production import refuse_production
from test_framework.core.pytest_options import narrow
from test_framework.core.selection import Wish, choose
from test_framework.core.service_needs import Needs, needed, only_told
from test_framework.core.settings import Settings
from test_framework.core.sharding import parse_shard
from test_framework.core.splitting import CATEGORY_BASED, DEPENDENCY_AWARE
from test_framework.engine.processes import Keeper, Zygote, test_environment
from test_framework.engine.project import find_interpreter, find_root, pytest_arguments, usable_cpus
from test_framework.orchestration.options import LEGACY, RunOptions
from test_framework.orchestration.proving import Proving
from test_framework.records.checkout import Reading
from test_framework.records.runs import new_run_id


class Place(NamedTuple):
    """The project and its settings."""

    project_root: Path
    settings: Settings


class Preparation(NamedTuple):
    """One run: what, where and with which interpreter."""

    options: RunOptions
    project_root: Path
    settings: Settings
    interpreter: str
    wish: Wish
    pytest_args: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    """the words of the command line, for the record"""
    notes: tuple[str, ...] = ()
    """what the run says before it starts"""
    needs: Needs = Needs()
    """the services of the run"""

    @property
    def mode(self) -> str:
        if self.wish.mode:
            return self.wish.mode
        if self.wish.layers:
            return "layers"
        return "paths" if self.wish.explicit_paths else LEGACY

    def environment(self, run: str) -> dict[str, str]:
        """What tests inherit; `run` is its cookie."""
        mode = "real" if self.options.real_llm else "mock"
        given = {"TEST_ENV": self.settings.environment, "TEST_LLM_MODE": mode}
        return test_environment(os.environ, run, given)

    @property
    def isolation(self) -> str:
        return "inline" if self.options.pdb else self.options.isolation

    @property
    def named_tests(self) -> tuple[str, ...]:
        """Node ids among the arguments."""
        return tuple(each for each in self.pytest_args if "::" in each and not each.startswith("-"))

    @property
    def records(self) -> bool:
        """Whether what the tests depend on is recorded."""
        asked = self.options.recorder
        return self.settings.tests.recorder if asked is None else asked


class Started(NamedTuple):
    """A run whose first processes live: the keeper, and the project's interpreter that imports pytest."""

    preparation: Preparation
    run: str
    keeper: Keeper
    zygote: Zygote
    checkout: Reading
    proving: Proving | None = None
    """None: nothing is taken as proven, and nothing that runs proves anything"""

    def abandon(self) -> None:
        """End it before anything ran: the keeper kills all that it started, and is waited for."""
        self.zygote.close()
        self.keeper.control.close()
        self.keeper.wait()


def find_place(options: RunOptions) -> Place:
    """The project and its settings. Raises `UserError` for every mistake in its configuration."""
    root = find_root(options.project_root)
    return Place(project_root=root, settings=load_settings(root, options.env))


def prepare(
    options: RunOptions,
    place: Place | None = None,
    arguments: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Preparation:
    """Find what a run needs. Raises `UserError` for what does not exist, is not known or is not allowed."""
    refuse_production(options.env, options.allow_prod)
    place = place or find_place(options)
    root, settings = place.project_root, place.settings
    interpreter = find_interpreter(options.python, settings.tests.interpreter, root, os.environ)
    found, explicit = pytest_arguments(options.pytest_args, root)
    layers = options.layers
    if options.use_layers and not options.execution_mode and not layers:
        layers = tuple(layer.id for layer in settings.layers.values() if not layer.background)
    wish = make_wish(options, explicit, layers)
    chosen = choose(wish, settings)
    needs = needed(settings, chosen.layers, real_services=options.real_services)
    if options.dry_run:
        needs = only_told(needs)
    records = settings.tests.recorder if options.recorder is None else options.recorder
    if options.only_changed is not None and not records:
        notes = (*notes, f"--only-changed={options.only_changed} leaves out nothing: the recorder is off")
    return Preparation(
        options=options,
        project_root=root,
        settings=settings,
        interpreter=interpreter,
        wish=wish,
        pytest_args=(*options_for_pytest(options), *found),
        arguments=tuple(arguments),
        notes=tuple(notes),
        needs=needs,
    )


def start(preparation: Preparation) -> Started:
    """Start the keeper and the project's interpreter; returns at once, while that one imports pytest."""
    run = preparation.options.background_host or new_run_id()
    keeper = Keeper(run, preparation.project_root, preparation.environment(run))
    proving = Proving(preparation) if preparation.records else None
    try:
        zygote = keeper.start(preparation.interpreter, terminal=preparation.options.pdb)
    except BaseException:
        keeper.control.close()
        raise
    return Started(preparation, run, keeper, zygote, Reading(preparation.project_root), proving)


def make_wish(options: RunOptions, explicit: bool, layers: tuple[str, ...] = ()) -> Wish:
    """The choice of tests and limits; `explicit`: paths name the tests."""
    lanes = usable_cpus() if options.lanes in (None, "auto") else int(options.lanes or 1)
    return Wish(
        mode=options.execution_mode,
        layers=layers or options.layers,
        categories=options.named_categories,
        explicit_paths=explicit,
        narrowed=narrow((*os.environ.get("PYTEST_ADDOPTS", "").split(), *options.pytest_args)),
        fail_fast_mode=options.fail_fast_mode,
        fast_fail=options.fast_fail,
        max_failures=1 if options.exit_first else options.maxfail,
        test_timeout=options.test_timeout,
        run_timeout=options.run_timeout,
        time=options.time,
        lanes=1 if options.pdb else lanes,
        grace_seconds=options.grace,
        retries=options.retries,
        last_failed=options.last_failed,
        failed_first=options.failed_first,
        pattern=options.pattern,
        exclude_env=options.exclude_env,
        real_llm=options.real_llm,
        only_changed=options.only_changed,
        shard=None if options.shard is None else parse_shard(options.shard),
        resume_from=options.resume_from,
        splitting=_splitting(options),
        window_seconds=60.0 * options.window_size,
        parallel=options.parallel,
        max_parallel_layers=options.max_parallel_layers,
    )


def _splitting(options: RunOptions) -> str:
    """The strategy; files that must not be divided stay whole with every one, and a whole category holds them whole."""
    whole_files = options.disable_auto_split and options.splitting_strategy != CATEGORY_BASED
    return DEPENDENCY_AWARE if whole_files else options.splitting_strategy


def options_for_pytest(options: RunOptions) -> list[str]:
    """Those options that are the project's pytest's own."""
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
