"""Failures that may come from cutting a chain: which they are, and the plan that judges them in pytest's own order.

Rules: a test whose lane ran its chain from the head, without a gap, has been run as pytest would run it; a bad test
that ran apart from the tests before it gets a second attempt at the end of its chain's head, in a fresh lane. Only the
suspects' outcomes of that second look count.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan, Unit

MOST_SECONDS = 120.0
"""A second look that is expected to take longer is not taken, and the run says so."""


class Order:
    """Follows which lane ran which stretch of which chain."""

    def __init__(self, plan: Plan) -> None:
        self._index = {
            (category.name, test): index
            for layer in plan.layers
            for category in layer.categories
            for chain in category.chains
            for index, test in enumerate(chain.tests)
        }
        self._stretches: dict[int, dict[tuple[str, str], tuple[int, int]]] = {}
        self._apart: set[str] = set()

    def given(self, lane: int, unit: Unit) -> None:
        """A lane was given a unit to run after those it has."""
        start = self._index[unit.category, unit.tests[0]]
        key = (unit.category, unit.chain)
        stretches = self._stretches.setdefault(lane, {})
        begin, end = stretches.get(key, (start, start))
        if end != start:
            begin = start
        stretches[key] = (begin, start + len(unit.tests))
        if begin:
            self._apart.update(unit.tests)
        else:
            self._apart.difference_update(unit.tests)

    def lane_gone(self, lane: int) -> None:
        self._stretches.pop(lane, None)

    def apart(self, test: str) -> bool:
        """Whether the test ran without the tests before it in its chain."""
        return test in self._apart


@dataclass(frozen=True, slots=True)
class SecondLook:
    plan: Plan
    suspects: frozenset[str]
    seconds: float
    """estimate of all that has to run again"""


def second_look(plan: Plan, suspects: Container[str]) -> SecondLook | None:
    """The heads of chains up to their last suspect, uncut; None where there is no suspect."""
    layers: list[LayerPlan] = []
    found: set[str] = set()
    seconds = 0.0
    for layer in plan.layers:
        categories: list[CategoryPlan] = []
        for category in layer.categories:
            heads = []
            for chain in category.chains:
                places = [place for place, test in enumerate(chain.tests) if test in suspects]
                if places:
                    found.update(chain.tests[place] for place in places)
                    heads.append(_head(chain, places[-1] + 1))
            if heads:
                seconds += sum(sum(head.costs) for head in heads)
                categories.append(replace(category, chains=tuple(heads), budget_seconds=None, retries=0))
        if categories:
            free = replace(layer, budget_seconds=None, fail_fast="disabled", depends_on=frozenset())
            layers.append(replace(free, categories=tuple(categories)))
    if not layers:
        return None
    quiet = replace(
        plan, layers=tuple(layers), max_failures=0, fail_fast_mode="disabled", layer_delay_seconds=0.0
    )
    return SecondLook(replace(quiet, budget_seconds=4 * seconds + 60.0), frozenset(found), seconds)


def _head(chain: Chain, length: int) -> Chain:
    return replace(
        chain, tests=chain.tests[:length], costs=chain.costs[:length], links=(False, *(True,) * (length - 1))
    )
