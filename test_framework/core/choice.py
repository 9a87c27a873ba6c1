"""Which tests run when a budget cannot hold all of them: the must-run set, then the most chance of finding a failure.

Rules: pure and deterministic; nothing is left out while the estimates say that all fits. What is left out is owed by
the reason of its budget. What is chosen keeps its place in its chain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from test_framework.core.ranking import LEAST_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A test that could run. `chance`: that it fails now, from 0 to 1."""

    test: str
    seconds: float
    chance: float
    must_run: bool = False
    load: float = 1.0
    """lanes that cannot be used for others while it runs (all of them for a serial test)"""

    @property
    def lane_seconds(self) -> float:
        return self.seconds * self.load

    @property
    def worth(self) -> float:
        """Chance of a failure for each second of a lane."""
        return self.chance / max(self.lane_seconds, LEAST_SECONDS)


@dataclass(frozen=True, slots=True)
class Choice:
    chosen: frozenset[str]
    too_long: frozenset[str]
    """left out because they alone would take longer than the budget"""
    too_many: frozenset[str]
    """left out because others are more worth"""


def choose(tests: Sequence[Candidate], budget_seconds: float, lanes: int = 1) -> Choice:
    """What to run within a budget of wall time on so many lanes; tests of about equal worth in the order given.

    Greedy by worth (to a tenth of it), or the single test of most chance where that is worth more than all of these:
    about half of what the best possible choice could find at least (the bound of the greedy knapsack; Dantzig 1957).
    """
    must = frozenset(one.test for one in tests if one.must_run)
    left = max(0.0, budget_seconds * lanes - sum(one.lane_seconds for one in tests if one.must_run))
    short = [one for one in tests if not one.must_run and one.seconds <= budget_seconds]
    ranked = sorted(short, key=lambda one: (-round(math.log(one.worth), 1), -one.chance))
    filled = _fill(ranked, left)
    single = max(
        (one for one in ranked if one.lane_seconds <= left),
        key=lambda one: one.chance,
        default=None,
    )
    if single is not None and single.chance > sum(one.chance for one in filled):
        filled = _fill([single, *(one for one in ranked if one is not single)], left)
    chosen = must | {one.test for one in filled}
    fitting = frozenset(one.test for one in short)
    too_long = frozenset(one.test for one in tests) - must - fitting
    return Choice(chosen, too_long, fitting - chosen)


def _fill(tests: Iterable[Candidate], left: float) -> list[Candidate]:
    taken = []
    for one in tests:
        if one.lane_seconds <= left:
            taken.append(one)
            left -= one.lane_seconds
    return taken
