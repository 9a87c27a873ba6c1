"""What tests are expected to cost, and the chains that are made of them.

Rules: pure; an unknown cost is the mean of the known ones; tests of a chain keep pytest's order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from test_framework.model.plan import Chain, TestInfo

UNKNOWN_SECONDS = 0.01


class Costs:
    """Estimated seconds of tests, and which tests come first."""

    def __init__(
        self,
        seconds: Mapping[str, float],
        failed: Mapping[str, str],
        whole: frozenset[str],
        spoiling: Collection[str] = (),
    ) -> None:
        """`failed`: tests that come first; `whole`: chains that must not be cut; `spoiling`: tests after which nothing
        in the same process can be proven.
        """
        self.seconds = seconds
        self.failed = failed
        self.whole = whole
        self.spoiling = spoiling
        self.mean = sum(seconds.values()) / len(seconds) if seconds else UNKNOWN_SECONDS

    def of(self, test: str) -> float:
        return self.seconds.get(test, self.mean)


def make_chains(
    tests: Iterable[TestInfo], costs: Costs, rank: Callable[[TestInfo], int] | None = None
) -> tuple[Chain, ...]:
    """Tests that share a chain, in pytest's order."""
    members: dict[str, list[TestInfo]] = {}
    for test in tests:
        members.setdefault(test.chain, []).append(test)
    return tuple(_chain(key, rows, costs, rank) for key, rows in members.items())


def _chain(key: str, tests: list[TestInfo], costs: Costs, rank: Callable[[TestInfo], int] | None) -> Chain:
    linked = any(test.linked for test in tests)
    whole = key in costs.whole
    failed, spoiling = costs.failed, costs.spoiling
    last = len(tests) - 1
    ends = (
        place
        for place, test in enumerate(tests if spoiling else ())
        if test.id in spoiling and place < last and tests[place + 1].id not in spoiling
    )
    return Chain(
        key=key,
        tests=tuple(test.id for test in tests),
        costs=tuple(costs.of(test.id) for test in tests),
        links=tuple(whole or test.linked for test in tests) if linked or whole else (),
        exclusive=tests[0].exclusive,
        rank=(sum(1 for test in tests if test.id in failed) if failed else 0)
        + (max(map(rank, tests)) if rank is not None else 0),
        ends=frozenset(ends),
    )
