"""Failures that may come from how chains were spread over lanes, and the plan that judges them again.

Rules: a bad test says what it would say in plain pytest where its lane ran its chain from the head, without a gap, and
had run nothing that pytest runs after it. Any other gets a second attempt at the end of its chain's head, in a fresh
lane. Only the suspects' outcomes of that second look count, and the whole run must not take longer for it than plain
pytest would have taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace

from test_framework.model.facts import TestFinished
from test_framework.model.plan import Chain, LayerPlan, Plan, Unit

LEAST_SECONDS = 3.0
"""so much a second look may always take"""
RESOURCE = re.compile(
    r"\b(FileExistsError|FileNotFoundError|PermissionError|IsADirectoryError|NotADirectoryError|BlockingIOError|"
    r"BrokenPipeError|Connection\w*Error|OSError|IOError|TimeoutError|OperationalError|DatabaseError)\b|\[Errno \d+\]"
)
LAST_CHARACTERS = 2000
"""of a traceback, in which its exception is named"""


class Order:
    """Follows which lane ran which stretch of which chain, after which others."""

    def __init__(self, plan: Plan, place: Callable[[str], int]) -> None:
        """`place`: where a test stands in pytest's own order."""
        self._index = {
            (category.name, test): index
            for layer in plan.layers
            for category in layer.categories
            for chain in category.chains
            for index, test in enumerate(chain.tests)
        }
        self._place = place
        self._stretches: dict[int, dict[tuple[str, str], tuple[int, int]]] = {}
        self._latest: dict[int, int] = {}
        """lane -> the latest place, in pytest's order, of what it has been given"""
        self._apart: set[str] = set()
        self._seconds: dict[str, float] = {}

    def given(self, lane: int, unit: Unit) -> None:
        """A lane was given a unit to run after those it has."""
        start = self._index[unit.category, unit.tests[0]]
        key = (unit.category, unit.chain)
        stretches = self._stretches.setdefault(lane, {})
        begin, end = stretches.get(key, (start, start))
        if end != start:
            begin = start
        stretches[key] = (begin, start + len(unit.tests))
        latest = self._latest.get(lane, -1)
        if begin or self._place(unit.tests[0]) < latest:
            self._apart.update(unit.tests)
        else:
            self._apart.difference_update(unit.tests)
        self._latest[lane] = max(latest, self._place(unit.tests[-1]))

    def took(self, test: str, seconds: float) -> None:
        """A test ran so long."""
        self._seconds[test] = seconds

    def lane_gone(self, lane: int) -> None:
        self._stretches.pop(lane, None)
        self._latest.pop(lane, None)

    def apart(self, test: str) -> bool:
        """Whether the test ran without the tests before it in its chain, or after what pytest runs later."""
        return test in self._apart

    @property
    def seconds(self) -> Mapping[str, float]:
        """How long the tests took."""
        return self._seconds


@dataclass(frozen=True, slots=True)
class SecondLook:
    plan: Plan
    suspects: frozenset[str]
    left: frozenset[str]
    """suspects that are not looked at, because that would take too long"""
    seconds: float
    """of all that has to run again"""


def names_a_resource(fact: TestFinished) -> bool:
    """Whether a failure speaks of what there is one of (a file, a directory, a database, a connection)."""
    return RESOURCE.search(f"{fact.message}\n{fact.detail[-LAST_CHARACTERS:]}") is not None


def time_left(took: Mapping[str, float], elapsed: float) -> float:
    """Seconds until the run will have taken as long as plain pytest would have: all of its tests one after another."""
    return max(LEAST_SECONDS, sum(took.values()) - elapsed)


def second_look(
    plan: Plan, suspects: Container[str], took: Mapping[str, float], allowed: float
) -> SecondLook | None:
    """The heads of chains up to their last suspect, uncut; None where there is no suspect.

    `took`: seconds of the tests that ran; `allowed`: seconds that it may take on the plan's lanes. The cheapest heads
    come first, as many as there is time for.
    """
    heads: dict[int, Chain] = {}
    found: set[str] = set()
    for chain in _chains(plan):
        places = [place for place, test in enumerate(chain.tests) if test in suspects]
        if places:
            found.update(chain.tests[place] for place in places)
            heads[id(chain)] = _head(chain, places[-1] + 1, took)
    if not found:
        return None
    seconds = 0.0
    for identity, head in sorted(heads.items(), key=lambda each: sum(each[1].costs)):
        cost = sum(head.costs)
        if cost <= allowed and seconds + cost <= allowed * plan.lanes:
            seconds += cost
        else:
            del heads[identity]
    seen = frozenset(test for head in heads.values() for test in head.tests if test in found)
    quiet = replace(
        plan,
        layers=tuple(_layers(plan, heads)),
        max_failures=0,
        fail_fast_mode="disabled",
        layer_delay_seconds=0.0,
        budget_seconds=4 * seconds + 60.0,
    )
    return SecondLook(quiet, seen, frozenset(found - seen), seconds)


def _chains(plan: Plan) -> Iterator[Chain]:
    for layer in plan.layers:
        for category in layer.categories:
            yield from category.chains


def _layers(plan: Plan, heads: Mapping[int, Chain]) -> Iterator[LayerPlan]:
    """The layers with these heads, by identity of their chains, and nothing else."""
    for layer in plan.layers:
        categories = [
            replace(
                category,
                chains=tuple(heads[id(chain)] for chain in category.chains if id(chain) in heads),
                budget_seconds=None,
                retries=0,
            )
            for category in layer.categories
        ]
        kept = tuple(category for category in categories if category.chains)
        if kept:
            free = replace(layer, budget_seconds=None, fail_fast="disabled", depends_on=frozenset())
            yield replace(free, categories=kept)


def _head(chain: Chain, length: int, took: Mapping[str, float]) -> Chain:
    tests = chain.tests[:length]
    costs = tuple(took.get(test, cost) for test, cost in zip(tests, chain.costs, strict=False))
    return replace(chain, tests=tests, costs=costs, links=(False, *(True,) * (length - 1)))
