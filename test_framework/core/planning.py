"""From collected tests to a plan: every test has a place in it, or is owed with a reason.

Rules: pure; tests of a chain keep pytest's order; costs come from the last run, unknown ones are guessed as the mean
of the known. 100,000 tests are planned in under a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from test_framework.core.selection import Chosen, Wish, choose
from test_framework.core.settings import CategorySettings, LayerCategory, LayerSettings, Settings
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan, TestInfo

UNKNOWN_SECONDS = 0.01
SELECTED = "selected"
LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it leaves out."""

    plan: Plan
    owed: tuple[tuple[str, str, str, str], ...] = ()
    """(test, category, layer, reason)"""
    deselected: int = 0
    """left out as if they had not been collected (--lf)"""
    estimate_seconds: float | None = None
    """wall time on the plan's lanes; None when no duration is known"""
    strict_layers: frozenset[str] = frozenset()
    must_run: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of tests: seconds by id, and those whose last outcome was bad."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    """chains that must not be cut, because their tests depend on their order"""


def make_plan(
    settings: Settings,
    wish: Wish,
    tests: Sequence[TestInfo],
    place: Callable[[TestInfo], str],
    known: Known,
    maxfail: int = 0,
) -> Planned:
    """Plan a run. `place` names a test's category; `maxfail` is what the project's own options say.

    Raises `UserError` for layers, modes or categories that are not known.
    """
    chosen = choose(wish, settings)
    notes: list[str] = []
    before = len(tests)
    if wish.last_failed:
        remembered = [test for test in tests if test.id in known.failed]
        if remembered:
            tests = remembered
        else:
            notes.append("--lf: no failed test is remembered here, so all run")
    by_category: dict[str, list[TestInfo]] = {}
    for test in tests:
        by_category.setdefault(place(test), []).append(test)
    costs = _Costs(known, wish.failed_first or wish.last_failed)
    layers, taken = _layers(settings, wish, chosen, by_category, costs)
    notes += _without_tests(wish, chosen, layers, by_category)
    owed = tuple(
        (
            test.id,
            category,
            settings.layer_of(category) or "",
            f"not chosen: category {category} is not part of this run",
        )
        for category, members in by_category.items()
        if category not in taken
        for test in members
    )
    plan = Plan(
        layers=layers,
        lanes=wish.lanes,
        budget_seconds=_least(wish.run_timeout, settings.execution.global_timeout_seconds),
        max_failures=wish.max_failures or maxfail,
        fail_fast_mode=_fail_fast_mode(wish),
        grace_seconds=wish.grace_seconds,
    )
    total = sum(
        sum(chain.costs) for layer in layers for category in layer.categories for chain in category.chains
    )
    return Planned(
        plan=plan,
        owed=owed,
        deselected=before - len(tests),
        estimate_seconds=total / max(1, wish.lanes) if known.seconds else None,
        strict_layers=frozenset(layer.id for layer in layers if not layer.allow_partial_success),
        must_run=frozenset(
            test
            for layer in layers
            for category in layer.categories
            if category.critical
            for chain in category.chains
            for test in chain.tests
        ),
        notes=tuple(notes),
    )


def _without_tests(
    wish: Wish, chosen: Chosen, layers: tuple[LayerPlan, ...], by_category: Mapping[str, list[TestInfo]]
) -> list[str]:
    """Which of the layers or categories that were asked for have no test at all, and where the tests are."""
    if wish.explicit_paths or not by_category:
        return []
    asked, what = list(wish.categories), "category"
    if chosen.layers:
        empty = {layer.id for layer in layers if not any(each.chains for each in layer.categories)}
        asked, what = [name for name in chosen.layers if name in empty], "layer"
    there = ", ".join(f"{name} ({len(tests)})" for name, tests in by_category.items())
    return [
        f"no test here belongs to {what} {name}; there are tests of: {there}"
        for name in asked
        if name not in by_category
    ]


def _fail_fast_mode(wish: Wish) -> str:
    if wish.fail_fast_mode is not None:
        return wish.fail_fast_mode
    if wish.fast_fail:
        return "first_failure"
    return "category_failure" if wish.legacy else "layers"


def _layers(
    settings: Settings, wish: Wish, chosen: Chosen, by_category: Mapping[str, list[TestInfo]], costs: _Costs
) -> tuple[tuple[LayerPlan, ...], set[str]]:
    if wish.explicit_paths and not chosen.layers:
        categories = [
            _free_category(settings, name, wish, members, costs) for name, members in by_category.items()
        ]
        return (LayerPlan(SELECTED, "Selected tests", tuple(categories), mode="parallel"),), set(by_category)
    if not chosen.layers:
        plans = [
            _legacy_category(settings.categories[name], wish, by_category[name], costs)
            for name in chosen.categories
            if name in by_category
        ]
        return (LayerPlan(LEGACY, "Categories", tuple(plans)),), set(chosen.categories)
    layers = [
        _layer(settings, settings.layers[name], wish, by_category, costs, chosen) for name in chosen.layers
    ]
    taken = {place.name for name in chosen.layers for place in settings.layers[name].categories}
    rest = [name for name in by_category if name not in taken]
    if wish.explicit_paths and rest:
        extra = [_free_category(settings, name, wish, by_category[name], costs) for name in rest]
        layers[-1] = replace(layers[-1], categories=(*layers[-1].categories, *extra))
        taken |= set(rest)
    return tuple(layers), taken


def _layer(
    settings: Settings,
    layer: LayerSettings,
    wish: Wish,
    by_category: Mapping[str, list[TestInfo]],
    costs: _Costs,
    chosen: Chosen,
) -> LayerPlan:
    categories = [
        _layer_category(settings, place, wish, by_category[place.name], costs)
        for place in layer.categories
        if place.name in by_category
    ]
    return LayerPlan(
        id=layer.id,
        name=layer.name,
        categories=tuple(categories),
        mode=layer.mode,
        budget_seconds=layer.max_duration_seconds,
        fail_fast=layer.fail_fast_strategy,
        depends_on=frozenset(layer.dependencies) & frozenset(chosen.layers),
        allow_partial_success=layer.allow_partial_success,
        min_pass_rate=layer.min_pass_rate,
        max_failures=layer.max_failures,
    )


def _layer_category(
    settings: Settings, place: LayerCategory, wish: Wish, tests: Iterable[TestInfo], costs: _Costs
) -> CategoryPlan:
    category = settings.categories.get(place.name)
    return CategoryPlan(
        name=place.name,
        chains=_chains(tests, costs),
        budget_seconds=place.timeout_seconds,
        test_timeout_seconds=_least(place.test_timeout_seconds, wish.test_timeout),
        max_lanes=_max_lanes(category, place.max_lanes),
        critical=category.critical if category is not None else False,
        depends_on=frozenset(category.dependencies) if category is not None else frozenset(),
    )


def _legacy_category(
    category: CategorySettings, wish: Wish, tests: Iterable[TestInfo], costs: _Costs
) -> CategoryPlan:
    return CategoryPlan(
        name=category.name,
        chains=_chains(tests, costs),
        budget_seconds=category.timeout_seconds,
        test_timeout_seconds=wish.test_timeout,
        max_lanes=_max_lanes(category, None),
        critical=category.critical,
        depends_on=frozenset(category.dependencies),
    )


def _free_category(
    settings: Settings, name: str, wish: Wish, tests: Iterable[TestInfo], costs: _Costs
) -> CategoryPlan:
    """A category of explicitly named tests: no budget but the test's own limit."""
    category = settings.categories.get(name)
    return CategoryPlan(
        name=name,
        chains=_chains(tests, costs),
        test_timeout_seconds=wish.test_timeout,
        max_lanes=_max_lanes(category, None),
        critical=category.critical if category is not None else False,
    )


def _max_lanes(category: CategorySettings | None, of_layer: int | None) -> int | None:
    if category is not None and not category.parallel_safe:
        return 1
    return _least(of_layer, category.max_parallel_instances if category is not None else None)


Number = TypeVar("Number", int, float)


def _least(one: Number | None, other: Number | None) -> Number | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


class _Costs:
    """Estimated seconds of tests, and which tests come first."""

    def __init__(self, known: Known, failed_first: bool) -> None:
        self.seconds = known.seconds
        self.failed = known.failed if failed_first else {}
        self.whole = known.whole
        self.mean = sum(known.seconds.values()) / len(known.seconds) if known.seconds else UNKNOWN_SECONDS

    def of(self, test: str) -> float:
        return self.seconds.get(test, self.mean)


def _chains(tests: Iterable[TestInfo], costs: _Costs) -> tuple[Chain, ...]:
    """Tests that share a chain, in pytest's order."""
    members: dict[str, list[TestInfo]] = {}
    for test in tests:
        members.setdefault(test.chain, []).append(test)
    return tuple(_chain(key, rows, costs) for key, rows in members.items())


def _chain(key: str, tests: list[TestInfo], costs: _Costs) -> Chain:
    linked = any(test.linked for test in tests)
    whole = key in costs.whole
    failed = costs.failed
    return Chain(
        key=key,
        tests=tuple(test.id for test in tests),
        costs=tuple(costs.of(test.id) for test in tests),
        links=tuple(whole or test.linked for test in tests) if linked or whole else (),
        exclusive=tests[0].exclusive,
        rank=sum(1 for test in tests if test.id in failed) if failed else 0,
    )
