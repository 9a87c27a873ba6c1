"""What the user asked for, and which layers and categories that means.

Rules: pure; a mode's layers run in the order of the settings; a layer asked for alone runs alone; a legacy run pulls
in what its categories depend on, each once; explicit paths run whatever their category.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from test_framework.core.settings import Settings
from test_framework.model.errors import UserError

LEGACY_CATEGORIES = ("unit", "integration", "e2e_critical", "smoke", "api")
MODES: Mapping[str, tuple[str, ...]] = {
    "fast_feedback": ("fast_feedback",),
    "nightly": ("fast_feedback", "core_integration", "service_integration"),
}
"""The modes that every project has; a project's own file may add some or redefine them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One command line's choice of tests and limits. Seconds; None and 0 mean no limit of the user's own."""

    mode: str | None = None
    layers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    explicit_paths: bool = False
    fail_fast_mode: str | None = None
    fast_fail: bool = False
    max_failures: int = 0
    test_timeout: float | None = None
    run_timeout: float | None = None
    lanes: int = 1
    grace_seconds: float = 5.0
    last_failed: bool = False
    failed_first: bool = False

    @property
    def legacy(self) -> bool:
        """The old runner's way of running: categories, no layers."""
        return self.mode is None and not self.layers


@dataclass(frozen=True, slots=True)
class Chosen:
    """What runs: layers of the settings, or categories in legacy order."""

    layers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


def choose(wish: Wish, settings: Settings) -> Chosen:
    """Layers or categories of a wish. Raises `UserError` for a name that nobody knows."""
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
    modes = {**MODES, **settings.modes}
    known("execution mode", mode, modes)
    missing = [layer for layer in modes[mode] if layer not in settings.layers]
    present = tuple(layer for layer in settings.layers if layer in modes[mode])
    if not present:
        raise UserError(
            f"execution mode {mode} has no layer here: {', '.join(missing)} not configured",
            f"this project's layers: {', '.join(settings.layers)}; choose them with --layers",
        )
    return present


def with_dependencies(names: Iterable[str], settings: Settings) -> tuple[str, ...]:
    """The categories and all that they depend on, dependencies first, each once."""
    ordered: dict[str, None] = {}
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in settings.categories:
            return
        seen.add(name)
        for needed in settings.categories[name].dependencies:
            visit(needed)
        ordered[name] = None

    for name in names:
        visit(name)
    return tuple(ordered)


def known(kind: str, name: str, names: Iterable[str]) -> None:
    """Raise `UserError` with the nearest known name unless `name` is one of `names`."""
    every = list(names)
    if name in every:
        return
    near = difflib.get_close_matches(name, every, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise UserError(f"unknown {kind} {name!r}{meant}", f"known: {', '.join(every)}")
