"""What the budgets of categories, layers and the run can hold, decided before anything starts.

Rules: pure; expected durations only, so a deadline may still come first. While all is expected to fit nothing is left
out; else the must-run set stays, then the tests most likely to fail, and the rest is owed by the name of the budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from test_framework.core.choice import Candidate, choose
from test_framework.core.costs import Costs
from test_framework.core.leaving_out import Gathering
from test_framework.core.windows import working_seconds
from test_framework.model.plan import TestInfo

FILLED = 0.95
"""share of the time to work in that is given to tests"""


@dataclass(frozen=True, slots=True)
class Part:
    """A category in a layer: its limits, and whether its tests must run. Seconds; None: no limit."""

    category: str
    budget_seconds: float | None
    max_lanes: int | None
    critical: bool = False


class Budgets:
    """Takes what does not fit out of a gathering, layer by layer.

    A part of each budget is left for what durations of tests do not show: starting lanes, fixtures, waiting.
    """

    def __init__(self, gathering: Gathering, costs: Costs, lanes: int, run_seconds: float | None) -> None:
        """`run_seconds`: for all layers together."""
        self._gathering = gathering
        self._costs = costs
        self._lanes = max(1, lanes)
        self._whole = run_seconds
        self._left = math.inf if run_seconds is None else FILLED * working_seconds(run_seconds)

    def fit(self, layer: str, budget_seconds: float | None, max_lanes: int | None, parts: list[Part]) -> bool:
        """Owe what the layer cannot hold; whether there was any."""
        lanes = min(self._lanes, max_lanes or self._lanes)
        home = {
            test.id: part.category
            for part in parts
            for test in self._gathering.by_category.get(part.category, ())
        }
        limit = math.inf if budget_seconds is None else FILLED * working_seconds(budget_seconds)
        each = (
            FILLED * working_seconds(part.budget_seconds) for part in parts if part.budget_seconds is not None
        )
        smaller = min([limit, self._left, *each])
        if smaller == math.inf or not home:
            return False
        kept: list[Candidate] = []
        left_out = False
        for part in parts:
            mine = self._candidates(part, lanes, smaller)
            if part.budget_seconds is not None:
                words = f"category {part.category} ({_told(part.budget_seconds)})"
                mine, some = self._keep(
                    mine, FILLED * working_seconds(part.budget_seconds), lanes, words, layer, home
                )
                left_out |= some
            kept += mine
        whole = budget_seconds is None or self._left < limit
        words = f"the run ({_told(self._whole)})" if whole else f"layer {layer} ({_told(budget_seconds)})"
        kept, some = self._keep(kept, min(limit, self._left), lanes, words, layer, home)
        takes = sum(one.lane_seconds for one in kept) / lanes
        self._left = max(0.0, self._left - max([takes, *(one.seconds for one in kept)]))
        return left_out or some

    def _candidates(self, part: Part, lanes: int, most: float) -> list[Candidate]:
        """Its tests. One that was bad last may have taken long because of that: `most` seconds are assumed."""
        load, costs = lanes / min(lanes, part.max_lanes or lanes), self._costs
        return [
            Candidate(
                test=test.id,
                seconds=min(costs.of(test.id), most if test.id in costs.bad else math.inf),
                chance=costs.chance_of(test.id),
                must_run=part.critical,
                load=lanes if test.exclusive else load,
            )
            for test in self._gathering.by_category.get(part.category, ())
        ]

    def _keep(
        self,
        tests: list[Candidate],
        seconds: float,
        lanes: int,
        words: str,
        layer: str,
        home: dict[str, str],
    ) -> tuple[list[Candidate], bool]:
        """What fits into so many seconds; the rest is owed. Whether there is a rest."""
        longest = max((one.seconds for one in tests), default=0.0)
        if longest <= seconds and sum(one.lane_seconds for one in tests) <= seconds * lanes:
            return tests, False
        choice = choose(tests, seconds, lanes)
        for reason, left_out in (
            (f"the budget of {words} is given to tests more likely to fail", choice.too_many),
            (f"takes longer than the budget of {words}", choice.too_long),
        ):
            self._gathering.another_time |= left_out
            for category in sorted({home[test] for test in left_out}):
                self._gathering.owe(category, layer, reason, _among(left_out))
        return [one for one in tests if one.test in choice.chosen], len(choice.chosen) < len(tests)


def _among(tests: frozenset[str]) -> Callable[[TestInfo], bool]:
    return lambda test: test.id in tests


def _told(seconds: float | None) -> str:
    if seconds is None:
        return "no limit"
    return f"{seconds:g} s" if seconds % 60 else f"{seconds / 60:g} min"
