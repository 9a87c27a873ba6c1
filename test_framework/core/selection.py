"""What the user asked for, and which layers and categories that means.

Rules: pure; a mode's layers run in the order of the settings; a layer asked for alone runs alone; a legacy run pulls
in what its categories depend on and their parts (categories whose parent they are), each once; explicit paths run
whatever their category.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.core.settings import Settings
from test_framework.core.sharding import Shard
from test_framework.core.splitting import HYBRID
from test_framework.model.errors import UserError

LEGACY_CATEGORIES = ("unit", "integration", "e2e_critical", "smoke", "api")
_LAYERS = ("fast_feedback", "core_integration", "service_integration", "e2e_background")
MODES: Mapping[str, tuple[str, ...]] = {
    "fast_feedback": _LAYERS[:1],
    "nightly": _LAYERS[:3],
    "commit": _LAYERS[:2],
    "development": _LAYERS[:2],
    "ci": _LAYERS[:3],
    "weekend": _LAYERS,
}
"""The modes that every project has, in the foreground; a project's own file may add some or redefine them."""
EVERYTHING = "all"
"""The mode of every category: all layers, and what no layer holds."""
LATER_MODES = ("background", "hybrid")
"""Modes that are known and not built yet: they run layers detached."""
DEFAULT_PARALLEL_LAYERS = 3
LEGACY = "legacy"
"""The one layer of a run of categories."""
UNLAYERED = "unlayered"
"""The layer of those that no configured layer holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One command line's choice of tests and limits. Seconds; None and 0 mean no limit of the user's own."""

    mode: str | None = None
    layers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    explicit_paths: bool = False
    narrowed: bool = False
    """what pytest is told beside paths may leave out files, or change which are looked for"""
    fail_fast_mode: str | None = None
    fast_fail: bool = False
    max_failures: int = 0
    test_timeout: float | None = None
    run_timeout: float | None = None
    time: float | None = None
    """the run's time, for which the tests most likely to fail are chosen"""
    lanes: int = 1
    grace_seconds: float = 5.0
    last_failed: bool = False
    failed_first: bool = False
    pattern: str | None = None
    """part of a test's id, in which * stands for any text and ? for one character"""
    exclude_env: str | None = None
    """tests marked for it are left out; any accepted name"""
    shard: Shard | None = None
    """only this part of what is collected"""
    only_changed: str | None = None
    """a commit: tests that no change since then can reach are left out"""
    resume_from: str | None = None
    """the category with which the sequence of this run's categories begins"""
    retries: int | None = None
    """how often a bad test is run again; None: as its category says"""
    splitting: str = HYBRID
    """how files are divided between lanes: one of `core.splitting.STRATEGIES`"""
    window_seconds: float | None = None
    """a lane gives way to a fresh process after so long"""
    parallel: bool = False
    """categories of a legacy run side by side"""
    max_parallel_layers: int | None = None
    """None: DEFAULT_PARALLEL_LAYERS"""
    real_llm: bool = False
    """a real language model may be used"""

    @property
    def legacy(self) -> bool:
        """The old runner's way of running: categories, no layers."""
        return self.mode is None and not self.layers


@dataclass(frozen=True, slots=True)
class Chosen:
    """What runs: layers of the settings and categories that no layer holds, or categories in legacy order."""

    layers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


def choose(wish: Wish, settings: Settings) -> Chosen:
    """Layers or categories of a wish. Raises `UserError` for a name that nobody knows."""
    if wish.exclude_env is not None:
        known("environment", wish.exclude_env, ENVIRONMENT_NAMES)
    chosen = _choose(wish, settings)
    if wish.resume_from is not None:
        _check_resuming(wish.resume_from, wish, chosen, settings)
    return chosen


def _choose(wish: Wish, settings: Settings) -> Chosen:
    if wish.mode == EVERYTHING:
        loose = tuple(name for name in settings.categories if settings.layer_of(name) is None)
        return Chosen(tuple(settings.layers), with_dependencies(loose, settings, among=frozenset(loose)))
    if wish.mode is not None:
        return Chosen(layers=_layers_of_mode(wish.mode, settings))
    if wish.layers:
        for name in wish.layers:
            known("layer", name, settings.layers)
        return Chosen(layers=tuple(layer for layer in settings.layers if layer in wish.layers))
    names = wish.categories or tuple(name for name in LEGACY_CATEGORIES if name in settings.categories)
    for name in names:
        known("category", name, settings.categories)
    return Chosen(categories=with_dependencies(names, settings))


def _layers_of_mode(mode: str, settings: Settings) -> tuple[str, ...]:
    if mode in LATER_MODES:
        raise UserError(
            f"execution mode {mode} runs layers in the background, which is no run of this process",
            "execute it with a controller, or choose layers",
        )
    modes = {**MODES, **settings.modes}
    known("execution mode", mode, [*(name for name in modes if name not in LATER_MODES), EVERYTHING])
    missing = [layer for layer in modes[mode] if layer not in settings.layers]
    present = tuple(layer for layer in settings.layers if layer in modes[mode])
    if not present:
        raise UserError(
            f"execution mode {mode} has no layer here: {', '.join(missing)} not configured",
            f"this project's layers: {', '.join(settings.layers)}; choose them with --layers",
        )
    return present


def with_dependencies(
    names: Iterable[str], settings: Settings, among: Container[str] | None = None
) -> tuple[str, ...]:
    """The categories, their parts and all that they depend on, dependencies first, each once.

    `among`: only these may come in.
    """
    parts: dict[str, list[str]] = {}
    for name, category in settings.categories.items():
        if category.parent is not None:
            parts.setdefault(category.parent, []).append(name)
    ordered: dict[str, None] = {}
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in settings.categories or (among is not None and name not in among):
            return
        seen.add(name)
        for needed in settings.categories[name].dependencies:
            visit(needed)
        ordered[name] = None
        for part in parts.get(name, ()):
            visit(part)

    for name in names:
        visit(name)
    return tuple(ordered)


def homes(chosen: Chosen, settings: Settings) -> dict[str, str]:
    """The categories of a run in the order in which they come, each with the id of its layer."""
    found = {place.name: layer for layer in chosen.layers for place in settings.layers[layer].categories}
    return {**found, **dict.fromkeys(chosen.categories, UNLAYERED if chosen.layers else LEGACY)}


def running_categories(wish: Wish, chosen: Chosen, settings: Settings) -> frozenset[str]:
    """The categories of a run from that on with which it is resumed."""
    names = list(homes(chosen, settings))
    return frozenset(names if wish.resume_from is None else names[names.index(wish.resume_from) :])


def _check_resuming(category: str, wish: Wish, chosen: Chosen, settings: Settings) -> None:
    if wish.explicit_paths:
        raise UserError(
            f"--resume-from {category} continues a sequence of categories, and named paths have none",
            "leave out the paths, or --resume-from",
        )
    known("category", category, settings.categories)
    found = homes(chosen, settings)
    if category not in found:
        raise UserError(
            f"--resume-from {category}: category {category} is not part of this run",
            f"its categories, in order: {', '.join(found)}",
        )


def why_not_chosen(wish: Wish) -> str:
    """The reason for which tests of other categories are owed."""
    if wish.mode is not None:
        return f"not chosen by mode {wish.mode}"
    if wish.layers:
        return f"not chosen by --layers {' '.join(wish.layers)}"
    if wish.categories:
        return f"not chosen by --category {' '.join(wish.categories)}"
    return "not chosen: none of the default categories"


def known(kind: str, name: str, names: Iterable[str]) -> None:
    """Raise `UserError` with the nearest known name unless `name` is one of `names`."""
    every = list(names)
    if name in every:
        return
    near = difflib.get_close_matches(name, every, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise UserError(f"unknown {kind} {name!r}{meant}", f"known: {', '.join(every)}")
