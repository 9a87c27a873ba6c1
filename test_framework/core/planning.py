"""From collected tests to a plan: every test has a place in it, or is owed with a reason.

Rules: pure; tests of a chain keep pytest's order; costs come from the last run, unknown ones are guessed as the mean
of the known. 100,000 tests are planned in under a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from test_framework.core.costs import Costs, make_chains
from test_framework.core.leaving_out import (
    Gathering,
    apply_filters,
    leave_out_environment,
    named,
    owe_other_environments,
    owe_real_models,
    resume,
)
from test_framework.core.ordering import ordered, urgency
from test_framework.core.selection import (
    DEFAULT_PARALLEL_LAYERS,
    EVERYTHING,
    LEGACY,
    UNLAYERED,
    Chosen,
    Wish,
    choose,
    homes,
    why_not_chosen,
)
from test_framework.core.settings import CategorySettings, LayerCategory, LayerSettings, Settings
from test_framework.model.plan import CategoryPlan, LayerPlan, Plan, TestInfo

SELECTED = "selected"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it leaves out."""

    plan: Plan
    owed: tuple[tuple[str, str, str, str], ...] = ()
    """(test, category, layer, reason)"""
    proven: tuple[tuple[str, str, str], ...] = ()
    """(test, category, layer): neither run nor owed"""
    deselected: int = 0
    """left out as if they had not been collected (--lf, --pattern, --exclude-env, --resume-from)"""
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
    flaky: frozenset[str] = frozenset()
    """tests that history says fail now and then"""
    spoiling: Collection[str] = ()
    """tests after which nothing in the same process can be proven"""
    unreached: Collection[str] = ()
    """tests that no change since the commit of `Wish.only_changed` can reach"""
    proven: Collection[str] = ()
    """tests that would end as they did when they last ran, so that they need not"""
    uncollected: Sequence[tuple[str, str, str]] = ()
    """(test, category, layer): proven ones in files that were not even collected"""
    left_out: Sequence[tuple[str, str, str, str]] = ()
    """(test, category, layer, reason): those in such files that are owed, whatever happens"""

    def passed(self, test: str) -> bool:
        """Whether it was decided when it last ran, and was not bad."""
        return test in self.seconds and test not in self.failed


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
    gathering = _gathered(settings, wish, chosen, tests, place, known)
    first = known.failed if wish.failed_first or wish.last_failed else {}
    costs = Costs(known.seconds, first, known.whole, known.spoiling)
    layers, taken = _layers(settings, wish, chosen, gathering, costs)
    gathering.notes += _without_tests(wish, chosen, settings, gathering.found)
    gathering.notes += _not_verified(chosen, settings)
    in_layer = Counter(layer for _, _, layer in gathering.proven)
    layers = tuple(replace(layer, proven=in_layer[layer.id]) for layer in layers)
    reason = why_not_chosen(wish)
    for category in [name for name in gathering.by_category if name not in taken]:
        gathering.owe(category, settings.layer_of(category) or "", reason)
    if chosen.layers or not wish.explicit_paths:
        layers = ordered(layers, settings)
    execution = settings.execution
    lanes = _least(wish.lanes, execution.max_global_parallel_tests) or 1
    most_layers = wish.max_parallel_layers or DEFAULT_PARALLEL_LAYERS
    plan = Plan(
        layers=layers,
        lanes=lanes,
        budget_seconds=_least(wish.run_timeout, execution.global_timeout_seconds),
        max_failures=wish.max_failures or maxfail,
        fail_fast_mode=_fail_fast_mode(wish),
        flaky=known.flaky,
        max_parallel_layers=1 if execution.layer_execution_mode == "sequential" else most_layers,
        layer_delay_seconds=execution.inter_layer_delay_seconds,
        conflict_resolution=execution.resource_conflict_resolution,
        grace_seconds=wish.grace_seconds,
    )
    total = sum(
        sum(chain.costs) for layer in layers for category in layer.categories for chain in category.chains
    )
    return Planned(
        plan=plan,
        owed=tuple(gathering.owed),
        proven=tuple(gathering.proven),
        deselected=gathering.deselected,
        estimate_seconds=total / max(1, lanes) if known.seconds else None,
        strict_layers=frozenset(layer.id for layer in layers if not layer.allow_partial_success),
        must_run=frozenset(
            test
            for layer in layers
            for category in layer.categories
            if category.critical
            for chain in category.chains
            for test in chain.tests
        ),
        notes=tuple(gathering.notes),
    )


def _gathered(
    settings: Settings,
    wish: Wish,
    chosen: Chosen,
    tests: Sequence[TestInfo],
    place: Callable[[TestInfo], str],
    known: Known,
) -> Gathering:
    """The tests by category, without those that the wish leaves out."""
    notes: list[str] = []
    remaining = tests
    if wish.last_failed:
        remembered = [test for test in remaining if test.id in known.failed]
        if remembered:
            remaining = remembered
        else:
            notes.append("--lf: no failed test is remembered here, so all run")
    if known.unreached:
        remaining = [test for test in remaining if test.id not in known.unreached]
        notes.append(f"--only-changed={wish.only_changed}: it reaches {len(remaining)} of {len(tests)} tests")
    if wish.pattern is not None:
        remaining = named(remaining, wish.pattern)
        notes.append(f"--pattern {wish.pattern}: {len(remaining)} of {len(tests)} tests match")
    by_category: dict[str, list[TestInfo]] = {}
    for test in remaining:
        by_category.setdefault(place(test), []).append(test)
    elsewhere = Counter(row[1] for row in (*known.uncollected, *known.left_out))
    found = elsewhere + Counter({name: len(members) for name, members in by_category.items()})
    gathering = Gathering(by_category, found, list(known.left_out), list(known.uncollected), notes=notes)
    gathering.deselected = len(tests) - len(remaining)
    if wish.exclude_env is not None:
        leave_out_environment(gathering, wish.exclude_env, settings)
    if not wish.explicit_paths:
        where = homes(chosen, settings)
        if wish.resume_from is not None:
            resume(gathering, wish.resume_from, where, known.passed)
        owe_other_environments(gathering, where, settings)
    if known.proven:
        where = homes(chosen, settings)
        free = wish.explicit_paths and not chosen.layers
        for name in list(gathering.by_category):
            layer = SELECTED if free else where.get(name) or settings.layer_of(name) or ""
            gathering.take_proven(name, layer, known.proven)
    return gathering


def _without_tests(wish: Wish, chosen: Chosen, settings: Settings, there: Mapping[str, int]) -> list[str]:
    """Which of the layers or categories that were asked for have no test at all, and where the tests are."""
    if wish.explicit_paths or not there:
        return []
    asked, what = [name for name in wish.categories if name not in there], "category"
    if chosen.layers and wish.mode != EVERYTHING:
        what = "layer"
        asked = [
            layer
            for layer in chosen.layers
            if not any(place.name in there for place in settings.layers[layer].categories)
        ]
    listed = ", ".join(f"{name} ({count})" for name, count in there.items())
    return [f"no test here belongs to {what} {name}; there are tests of: {listed}" for name in asked]


def _not_verified(chosen: Chosen, settings: Settings) -> list[str]:
    """Which layers of this run depend on others that are not in it."""
    missing = {
        layer: [need for need in settings.layers[layer].dependencies if need not in chosen.layers]
        for layer in chosen.layers
    }
    return [
        f"layer {layer} runs without {', '.join(needs)}, which it depends on: not verified by this run"
        for layer, needs in missing.items()
        if needs
    ]


def _fail_fast_mode(wish: Wish) -> str:
    if wish.fail_fast_mode is not None:
        return wish.fail_fast_mode
    if wish.fast_fail:
        return "first_failure"
    return "category_failure" if wish.legacy else "layers"


def _layers(
    settings: Settings, wish: Wish, chosen: Chosen, gathering: Gathering, costs: Costs
) -> tuple[tuple[LayerPlan, ...], set[str]]:
    """The layers with their tests, and the categories whose tests are in them or owed for a reason of their own."""
    there = gathering.by_category
    if wish.explicit_paths and not chosen.layers:
        categories = [_free_category(settings, name, wish, there[name], costs) for name in there]
        return (LayerPlan(SELECTED, "Selected tests", tuple(categories), mode="parallel"),), set(there)
    if not chosen.layers:
        mode = "hybrid" if wish.parallel else "sequential"
        plans = _loose_categories(settings, wish, chosen.categories, gathering, costs)
        return (LayerPlan(LEGACY, "Categories", plans, mode=mode),), set(chosen.categories)
    layers = [
        _layer(settings, settings.layers[name], wish, gathering, costs, chosen) for name in chosen.layers
    ]
    taken = {place.name for name in chosen.layers for place in settings.layers[name].categories}
    if chosen.categories:
        loose = _loose_categories(settings, wish, chosen.categories, gathering, costs)
        if loose or any(row[2] == UNLAYERED for row in (*gathering.owed, *gathering.proven)):
            layers.append(LayerPlan(UNLAYERED, "Categories of no layer", loose, mode="hybrid"))
        taken |= set(chosen.categories)
    rest = [name for name in there if name not in taken]
    if wish.explicit_paths and rest:
        extra = [_free_category(settings, name, wish, there[name], costs) for name in rest]
        layers[-1] = replace(layers[-1], categories=(*layers[-1].categories, *extra))
        taken |= set(rest)
    return tuple(layers), taken


def _layer(
    settings: Settings,
    layer: LayerSettings,
    wish: Wish,
    gathering: Gathering,
    costs: Costs,
    chosen: Chosen,
) -> LayerPlan:
    ranks: dict[str, Callable[[TestInfo], int]] = {}
    if not wish.explicit_paths:
        for place in layer.categories:
            if not wish.real_llm:
                owe_real_models(gathering, layer, place, settings)
            rank = apply_filters(gathering, layer, place)
            if rank is not None:
                ranks[place.name] = rank
    there = gathering.by_category
    categories = [
        _layer_category(settings, place, wish, there[place.name], costs, ranks.get(place.name))
        for place in layer.categories
        if place.name in there
    ]
    return LayerPlan(
        id=layer.id,
        name=layer.name,
        categories=tuple(categories),
        mode=layer.mode,
        budget_seconds=layer.max_duration_seconds,
        fail_fast=layer.fail_fast_strategy,
        depends_on=frozenset(layer.dependencies) & frozenset(chosen.layers),
        max_lanes=layer.limits.max_parallel_instances,
        allow_partial_success=layer.allow_partial_success,
        min_pass_rate=layer.min_pass_rate,
        max_failures=layer.max_failures,
        critical_tests_must_pass=layer.critical_tests_must_pass,
    )


def _layer_category(
    settings: Settings,
    place: LayerCategory,
    wish: Wish,
    tests: Iterable[TestInfo],
    costs: Costs,
    rank: Callable[[TestInfo], int] | None,
) -> CategoryPlan:
    category = settings.categories.get(place.name)
    return CategoryPlan(
        name=place.name,
        chains=make_chains(tests, costs, rank),
        budget_seconds=place.timeout_seconds,
        test_timeout_seconds=_least(place.test_timeout_seconds, wish.test_timeout),
        max_lanes=_max_lanes(category, place.max_lanes),
        critical=category.critical if category is not None else False,
        retries=_retries(category, wish),
        alone=category is not None and not category.parallel_safe,
        urgency=urgency(category),
    )


def _loose_categories(
    settings: Settings, wish: Wish, names: Iterable[str], gathering: Gathering, costs: Costs
) -> tuple[CategoryPlan, ...]:
    """Categories outside the configured layers, with limits of their own."""
    there = gathering.by_category
    chosen = [settings.categories[name] for name in names if name in there]
    return tuple(
        CategoryPlan(
            name=category.name,
            chains=make_chains(there[category.name], costs),
            budget_seconds=category.timeout_seconds,
            test_timeout_seconds=wish.test_timeout,
            max_lanes=_max_lanes(category, None),
            critical=category.critical,
            retries=_retries(category, wish),
            alone=not category.parallel_safe,
            urgency=urgency(category),
        )
        for category in chosen
    )


def _free_category(
    settings: Settings, name: str, wish: Wish, tests: Iterable[TestInfo], costs: Costs
) -> CategoryPlan:
    """A category of explicitly named tests: no budget but the test's own limit."""
    category = settings.categories.get(name)
    return CategoryPlan(
        name=name,
        chains=make_chains(tests, costs),
        test_timeout_seconds=wish.test_timeout,
        max_lanes=_max_lanes(category, None),
        critical=category.critical if category is not None else False,
        retries=_retries(category, wish),
        urgency=urgency(category),
    )


def _retries(category: CategorySettings | None, wish: Wish) -> int:
    if wish.retries is not None:
        return wish.retries
    return category.retry_count if category is not None else 0


def _max_lanes(category: CategorySettings | None, of_layer: int | None) -> int | None:
    if category is not None and not category.parallel_safe:
        return 1
    return _least(of_layer, category.max_parallel_instances if category is not None else None)


Number = TypeVar("Number", int, float)


def _least(one: Number | None, other: Number | None) -> Number | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
