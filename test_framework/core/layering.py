"""The layers of a plan with their categories and chains: the configured ones, those of a legacy run, named tests.

Rules: pure. What the configuration or a budget leaves out of a layer is owed before its chains are made. Named tests
have no budget but their own limit and the run's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from test_framework.core.budgets import Budgets, Part
from test_framework.core.costs import Costs, make_chains
from test_framework.core.leaving_out import Gathering, apply_filters, owe_real_models
from test_framework.core.ordering import urgency
from test_framework.core.selection import LEGACY, UNLAYERED, Chosen, Wish
from test_framework.core.settings import CategorySettings, LayerCategory, LayerSettings, Settings
from test_framework.core.splitting import CATEGORY_BASED
from test_framework.model.plan import CategoryPlan, LayerPlan, TestInfo

SELECTED = "selected"
"""The one layer of tests that were named by path."""
Rank = Callable[[TestInfo], int]


class Layering:
    """Makes the layers of one plan, once."""

    def __init__(
        self, settings: Settings, wish: Wish, chosen: Chosen, gathering: Gathering, costs: Costs, lanes: int
    ) -> None:
        self._settings = settings
        self._wish = wish
        self._chosen = chosen
        self._gathering = gathering
        self._costs = costs
        of_the_run = least(least(wish.time, wish.run_timeout), settings.execution.global_timeout_seconds)
        self._budgets = Budgets(gathering, costs, lanes, of_the_run)

    def layers(self) -> tuple[tuple[LayerPlan, ...], set[str]]:
        """The layers with their tests, and the categories whose tests are in them or owed for a reason of their own."""
        wish, chosen, gathering, settings = self._wish, self._chosen, self._gathering, self._settings
        there = gathering.by_category
        if wish.explicit_paths and not chosen.layers:
            names = set(there)
            return (self._selected(),), names
        if not chosen.layers:
            mode = "hybrid" if wish.parallel else "sequential"
            return (self._loose(LEGACY, "Categories", mode),), set(chosen.categories)
        layers = [self._layer(settings.layers[name]) for name in chosen.layers]
        taken = {place.name for name in chosen.layers for place in settings.layers[name].categories}
        if chosen.categories:
            loose = self._loose(UNLAYERED, "Categories of no layer", "hybrid")
            if loose.categories or any(row[2] == UNLAYERED for row in (*gathering.owed, *gathering.proven)):
                layers.append(loose)
            taken |= set(chosen.categories)
        rest = [name for name in there if name not in taken]
        if wish.explicit_paths and rest:
            extra = [self._free(name, there[name]) for name in rest]
            layers[-1] = replace(layers[-1], categories=(*layers[-1].categories, *extra))
            taken |= set(rest)
        return tuple(layers), taken

    # -- kinds of layers --------------------------------------------------------------------------------------

    def _selected(self) -> LayerPlan:
        there = self._gathering.by_category
        parts = [Part(name, None, self._max_lanes(name), critical=self._critical(name)) for name in there]
        finely = self._budgets.fit(SELECTED, None, None, parts)
        categories = tuple(self._free(name, there[name], finely=finely) for name in there)
        return LayerPlan(SELECTED, "Selected tests", categories, mode="parallel")

    def _layer(self, layer: LayerSettings) -> LayerPlan:
        wish, settings, gathering = self._wish, self._settings, self._gathering
        ranks: dict[str, Rank] = {}
        if not wish.explicit_paths:
            for place in layer.categories:
                if not wish.real_llm:
                    owe_real_models(gathering, layer, place, settings)
                rank = apply_filters(gathering, layer, place)
                if rank is not None:
                    ranks[place.name] = rank
        most = layer.limits.max_parallel_instances
        parts = [
            Part(
                place.name,
                place.timeout_seconds,
                self._max_lanes(place.name, place.max_lanes),
                critical=self._critical(place.name),
            )
            for place in layer.categories
        ]
        finely = self._budgets.fit(layer.id, layer.max_duration_seconds, most, parts)
        there = gathering.by_category
        return LayerPlan(
            id=layer.id,
            name=layer.name,
            categories=tuple(
                self._placed(place, there[place.name], ranks.get(place.name), finely=finely)
                for place in layer.categories
                if place.name in there
            ),
            mode=layer.mode,
            budget_seconds=layer.max_duration_seconds,
            fail_fast=layer.fail_fast_strategy,
            depends_on=frozenset(layer.dependencies) & frozenset(self._chosen.layers),
            max_lanes=most,
            allow_partial_success=layer.allow_partial_success,
            min_pass_rate=layer.min_pass_rate,
            max_failures=layer.max_failures,
            critical_tests_must_pass=layer.critical_tests_must_pass,
        )

    def _loose(self, layer: str, name: str, mode: str) -> LayerPlan:
        """Categories outside the configured layers, with limits of their own."""
        there, settings = self._gathering.by_category, self._settings
        here = [settings.categories[name] for name in self._chosen.categories if name in there]
        parts = [
            Part(each.name, each.timeout_seconds, self._max_lanes(each.name), critical=each.critical)
            for each in here
        ]
        finely = self._budgets.fit(layer, None, None, parts)
        categories = (
            CategoryPlan(
                name=category.name,
                chains=make_chains(there[category.name], self._costs, finely=finely),
                budget_seconds=category.timeout_seconds,
                test_timeout_seconds=self._wish.test_timeout,
                max_lanes=self._max_lanes(category.name),
                critical=category.critical,
                retries=self._retries(category),
                alone=not category.parallel_safe,
                urgency=urgency(category),
            )
            for category in here
            if category.name in there
        )
        return LayerPlan(layer, name, tuple(categories), mode=mode)

    # -- kinds of categories ----------------------------------------------------------------------------------

    def _placed(
        self, place: LayerCategory, tests: Iterable[TestInfo], rank: Rank | None, *, finely: bool
    ) -> CategoryPlan:
        """A category in its layer."""
        category = self._settings.categories.get(place.name)
        return CategoryPlan(
            name=place.name,
            chains=make_chains(tests, self._costs, rank, finely=finely),
            budget_seconds=place.timeout_seconds,
            test_timeout_seconds=least(place.test_timeout_seconds, self._wish.test_timeout),
            max_lanes=self._max_lanes(place.name, place.max_lanes),
            critical=self._critical(place.name),
            retries=self._retries(category),
            alone=category is not None and not category.parallel_safe,
            urgency=urgency(category),
        )

    def _free(self, name: str, tests: Iterable[TestInfo], *, finely: bool = False) -> CategoryPlan:
        """A category of explicitly named tests."""
        category = self._settings.categories.get(name)
        return CategoryPlan(
            name=name,
            chains=make_chains(tests, self._costs, finely=finely),
            test_timeout_seconds=self._wish.test_timeout,
            max_lanes=self._max_lanes(name),
            critical=self._critical(name),
            retries=self._retries(category),
            urgency=urgency(category),
        )

    # -- parts ------------------------------------------------------------------------------------------------

    def _critical(self, name: str) -> bool:
        category = self._settings.categories.get(name)
        return category.critical if category is not None else False

    def _retries(self, category: CategorySettings | None) -> int:
        if self._wish.retries is not None:
            return self._wish.retries
        return category.retry_count if category is not None else 0

    def _max_lanes(self, name: str, of_layer: int | None = None) -> int | None:
        category = self._settings.categories.get(name)
        if self._wish.splitting == CATEGORY_BASED or (category is not None and not category.parallel_safe):
            return 1
        return least(of_layer, category.max_parallel_instances if category is not None else None)


Number = TypeVar("Number", int, float)


def least(one: Number | None, other: Number | None) -> Number | None:
    """The smaller of two limits, either of which may be missing."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
