"""Whether layers and categories open when they may, not sooner and not later, and in the right order.

Rules: it knows the plan and the facts only; it says again, in its own words, what `admission` promises.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from test_framework.model import facts as f
from test_framework.model.plan import CategoryPlan, LayerPlan

if TYPE_CHECKING:
    from tests.unit.core.referee import Referee


class Gates:
    def __init__(self, referee: Referee) -> None:
        self.referee = referee
        self.plan = referee.plan
        self.pause_until = -math.inf
        self.places = {layer.id: place for place, layer in enumerate(self.plan.layers)}

    # -- facts ----------------------------------------------------------------------------------------------

    def layer_starts(self, fact: f.LayerStarted) -> None:
        """Call it before the layer is noted as begun."""
        layer = self.layer(fact.layer)
        now = self.referee.shell.now
        for other in layer.after & self.places.keys():
            assert self.has_ended(f"layer:{other}"), "a layer starts before one that it comes after is over"
        running = self.running_layers()
        assert len(running) < max(1, self.plan.max_parallel_layers), "too many layers at once"
        assert not any(clash(layer, other) for other in running), "two layers that conflict at once"
        assert now >= self.pause_until, "a layer starts during the pause after another"
        if self.plan.conflict_resolution == "priority_based":
            for other in self.waiting_layers():
                if other is not layer and self.could_start(other, running):
                    ranks = [(each.priority, self.places[each.id]) for each in (layer, other)]
                    assert ranks[0] < ranks[1], "a less urgent layer goes first"

    def category_starts(self, fact: f.CategoryStarted) -> None:
        """Call it before the category is noted as begun."""
        layer = self.layer(fact.layer)
        category = next(each for each in layer.categories if each.name == fact.category)
        for _, other in self.running_categories():
            assert not clash_of_categories(category, other), "two categories that conflict at once"

    def layer_ended(self, fact: f.LayerFinished) -> None:
        if fact.status != "blocked":
            self.pause_until = self.referee.shell.now + self.plan.layer_delay_seconds

    # -- between the steps ----------------------------------------------------------------------------------

    def nothing_waits_that_could_start(self) -> None:
        if self.referee.stop is not None:
            return
        running = self.running_layers()
        room = len(running) < max(1, self.plan.max_parallel_layers)
        if room and self.referee.shell.now >= self.pause_until:
            for layer in self.waiting_layers():
                assert not self.could_start(layer, running), f"layer {layer.id} waits although it could start"
        for layer in running:
            for category in self.could_come(layer):
                beside = [other for _, other in self.running_categories()]
                if not any(clash_of_categories(category, other) for other in beside):
                    halted = {f"layer:{layer.id}", f"category:{category.name}"} & self.referee.halted.keys()
                    assert halted, f"category {category.name} waits although it could start"

    def could_come(self, layer: LayerPlan) -> list[CategoryPlan]:
        """Categories of an open layer that only a conflict may hold up."""
        waiting = [each for each in layer.categories if not self.known(f"category:{each.name}")]
        working = any(home is layer for home, _ in self.running_categories())
        if layer.mode == "sequential":
            return [] if working else waiting[:1]
        inside = {each.name for each in layer.categories}
        over = {name for name in inside if self.has_ended(f"category:{name}")}
        ready = [each for each in waiting if each.depends_on & inside <= over]
        if layer.mode == "hybrid":
            ready = [each for each in ready if each.max_lanes is None or each.max_lanes > 1]
        return ready

    # -- words ----------------------------------------------------------------------------------------------

    def could_start(self, layer: LayerPlan, running: list[LayerPlan]) -> bool:
        needs = (layer.depends_on | layer.after) & self.places.keys()
        if not all(self.has_ended(f"layer:{need}") for need in needs):
            return False
        return not any(clash(layer, other) for other in running)

    def layer(self, name: str) -> LayerPlan:
        return self.plan.layers[self.places[name]]

    def has_ended(self, scope: str) -> bool:
        return scope in self.referee.ended

    def known(self, scope: str) -> bool:
        return scope in self.referee.scopes or scope in self.referee.ended

    def running_layers(self) -> list[LayerPlan]:
        ids = [f"layer:{layer.id}" for layer in self.plan.layers]
        return [
            layer
            for layer, scope in zip(self.plan.layers, ids, strict=True)
            if scope in self.referee.scopes and not self.has_ended(scope)
        ]

    def waiting_layers(self) -> list[LayerPlan]:
        return [layer for layer in self.plan.layers if not self.known(f"layer:{layer.id}")]

    def running_categories(self) -> list[tuple[LayerPlan, CategoryPlan]]:
        return [
            (layer, category)
            for layer in self.plan.layers
            for category in layer.categories
            if f"category:{category.name}" in self.referee.scopes
            and not self.has_ended(f"category:{category.name}")
        ]


def clash(one: LayerPlan, other: LayerPlan) -> bool:
    return other.id in one.conflicts or one.id in other.conflicts


def clash_of_categories(one: CategoryPlan, other: CategoryPlan) -> bool:
    named = other.name in one.conflicts or one.name in other.conflicts
    return one.alone or other.alone or named
