"""Who may open now: layers and categories that wait for others, for a conflict to be over, or for a pause to end.

Rules: a layer opens when those that it needs are over, fewer than `max_parallel_layers` are open, none that it
conflicts with is, and the pause after another layer's end is over; a category opens by its layer's mode, beside none
that it conflicts with. Only what is open holds anything up, and what is open ends: so nothing waits for ever.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from test_framework.core.stages import CategoryRun, LayerRun
from test_framework.model.plan import Plan

Rank = tuple[float, ...]


class Admission:
    """Names what should open next; opening it is the course's work."""

    def __init__(self, plan: Plan, layers: Sequence[LayerRun]) -> None:
        self._plan = plan
        self._layers = layers
        self._place = {layer.id: place for place, layer in enumerate(layers)}
        self._pause_until = -math.inf
        self.opens_at = math.inf
        """when a layer that only waits for the pause may open"""

    def layer_ended(self, now: float) -> None:
        """A layer that had begun is over: the pause before the next one begins."""
        self._pause_until = now + self._plan.layer_delay_seconds

    def next_layer(self, now: float) -> LayerRun | None:
        """The layer that should open now, if any: call it again once that one is open."""
        self.opens_at = math.inf
        waiting = [layer for layer in self._layers if not layer.open and not layer.ended]
        if not waiting:
            return None
        running = [layer for layer in self._layers if layer.open and not layer.ended]
        ready = [layer for layer in waiting if self._needs_are_over(layer)]
        for layer in ready:
            layer.ready_since = min(layer.ready_since, now)
        if len(running) >= max(1, self._plan.max_parallel_layers):
            return None
        free = [layer for layer in ready if not any(_layers_conflict(layer, other) for other in running)]
        if not free and not running:
            free = waiting[:1]  # they wait for each other in a circle: a mistake in a plan cannot hang a run
        if not free:
            return None
        if now < self._pause_until:
            self.opens_at = self._pause_until
            return None
        return min(free, key=self._rank_of_layer)

    def next_category(self, now: float) -> CategoryRun | None:
        """The category that should open now, if any: call it again once that one is open or halted."""
        ready: list[tuple[Rank, CategoryRun]] = []
        running: list[CategoryRun] = []
        for layer in self._layers:
            if layer.open and not layer.ended:
                running += (each for each in layer.categories if each.open and not each.ended)
                for place, category in enumerate(layer.next_categories()):
                    if category.halt is None:
                        category.ready_since = min(category.ready_since, now)
                        ready.append((self._rank_of_category(layer, category, place), category))
        free = (pair for pair in ready if not any(_categories_conflict(pair[1], each) for each in running))
        return min(free, key=lambda pair: pair[0], default=((), None))[1]

    def _needs_are_over(self, layer: LayerRun) -> bool:
        needs = layer.plan.depends_on | layer.plan.after
        return all(self._layers[self._place[need]].ended for need in needs if need in self._place)

    def _rank_of_layer(self, layer: LayerRun) -> Rank:
        place = self._place[layer.id]
        match self._plan.conflict_resolution:
            case "priority_based":
                return (layer.plan.priority, place)
            case "first_come_first_serve":
                return (layer.ready_since, place)
        return (place,)

    def _rank_of_category(self, layer: LayerRun, category: CategoryRun, place: int) -> Rank:
        home = self._place[layer.id]
        match self._plan.conflict_resolution:
            case "priority_based":
                return (layer.plan.priority, category.plan.urgency, home, place)
            case "first_come_first_serve":
                return (category.ready_since, home, place)
        return (layer.begun, home, place)


def _layers_conflict(one: LayerRun, other: LayerRun) -> bool:
    return other.id in one.plan.conflicts or one.id in other.plan.conflicts


def _categories_conflict(one: CategoryRun, other: CategoryRun) -> bool:
    a, b = one.plan, other.plan
    return a.alone or b.alone or b.name in a.conflicts or a.name in b.conflicts
