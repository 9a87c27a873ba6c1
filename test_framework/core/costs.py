"""What tests are expected to cost and to find, and the chains that are made of them.

Rules: pure; an unknown cost is the mean of the known ones; tests of a chain keep pytest's order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from test_framework.core.ranking import UNREMARKABLE, rank
from test_framework.core.splitting import HYBRID, links, weighed
from test_framework.model.plan import Chain, TestInfo

UNKNOWN_SECONDS = 0.01
OF_LIKELIHOOD = 3
"""A step of likelihood outweighs what a filter says (-1 to 1)."""
FAILED_FIRST = 1000
"""What was asked to come first outweighs both."""


class Costs:
    """Estimated seconds of tests, how likely they are to fail, and which of them come first."""

    def __init__(
        self,
        seconds: Mapping[str, float],
        failed: Collection[str] = (),
        whole: frozenset[str] = frozenset(),
        spoiling: Collection[str] = (),
        *,
        chances: Mapping[str, float] = MappingProxyType({}),
        bad: Collection[str] = (),
        strategy: str = HYBRID,
        complexity: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """`failed`: tests that come before all others; `whole`: chains that must not be cut; `spoiling`: tests after
        which nothing in the same process can be proven; `chances`: of failing, where they are remarkable; `bad`: tests
        whose last outcome was bad; `strategy`: how chains are divided; `complexity`: functions that tests execute.
        """
        self.seconds = seconds
        self.failed = failed
        self.whole = whole
        self.spoiling = spoiling
        self.chances = chances
        self.bad = bad
        self.strategy = strategy
        self.complexity = complexity
        self.mean = sum(seconds.values()) / len(seconds) if seconds else UNKNOWN_SECONDS

    def of(self, test: str) -> float:
        return self.seconds.get(test, self.mean)

    def chance_of(self, test: str) -> float:
        return self.chances.get(test, UNREMARKABLE)

    def rank(self, tests: Sequence[TestInfo], seconds: float, *, finely: bool) -> int:
        """How early a chain of these tests, which takes so long, should begin."""
        failed = sum(1 for test in tests if test.id in self.failed) if self.failed else 0
        if not (finely or self.chances):
            return FAILED_FIRST * failed
        likely = rank([self.chance_of(test.id) for test in tests], seconds, finely=finely)
        return FAILED_FIRST * failed + OF_LIKELIHOOD * likely


def make_chains(
    tests: Iterable[TestInfo],
    costs: Costs,
    favour: Callable[[TestInfo], int] | None = None,
    *,
    finely: bool = False,
) -> tuple[Chain, ...]:
    """Tests that share a chain, in pytest's order.

    `favour`: what a filter of the configuration says of a test, from -1 to 1; `finely`: not all of them will get their
    turn.
    """
    members: dict[str, list[TestInfo]] = {}
    for test in tests:
        members.setdefault(test.chain, []).append(test)
    return tuple(_chain(key, rows, costs, favour, finely=finely) for key, rows in members.items())


def _chain(
    key: str, tests: list[TestInfo], costs: Costs, favour: Callable[[TestInfo], int] | None, *, finely: bool
) -> Chain:
    together = (True,) * len(tests) if key in costs.whole else links(costs.strategy, tests)
    spoiling = costs.spoiling
    last = len(tests) - 1
    ends = (
        place
        for place, test in enumerate(tests if spoiling else ())
        if test.id in spoiling and place < last and tests[place + 1].id not in spoiling
    )
    seconds = tuple(costs.of(test.id) for test in tests)
    return Chain(
        key=key,
        tests=tuple(test.id for test in tests),
        costs=weighed(costs.strategy, tests, seconds, costs.complexity),
        links=together,
        exclusive=tests[0].exclusive,
        rank=costs.rank(tests, sum(seconds), finely=finely) + (max(map(favour, tests)) if favour else 0),
        ends=frozenset(ends),
    )
