"""One of several disjoint parts of the collected tests, the same on every machine that collects the same tests.

Rules: pure; nothing but the tests themselves counts, since machines remember different durations. Chains stay whole,
but one that is larger than a part is cut where its tests are not linked. Parts are balanced by the number of tests.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from test_framework.model.errors import UserError
from test_framework.model.plan import TestInfo


class Shard(NamedTuple):
    """Part `number` `of` so many, from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_shard(text: str) -> Shard:
    """`2/4` is the second of four. Raises `UserError` for anything else."""
    number, slash, count = text.partition("/")
    if slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return Shard(int(number), int(count))
    raise UserError(
        f"--shard {text!r} is no part of a whole", "write --shard 1/4 for the first of four, up to 4/4"
    )


def part_of(tests: Sequence[TestInfo], shard: Shard) -> list[TestInfo]:
    """The tests of this part, in their order."""
    pieces = _pieces(tests, -(-len(tests) // shard.of))
    pieces.sort(key=lambda piece: (-len(piece), piece[0].id))
    loads = [(0, number) for number in range(1, shard.of + 1)]
    mine: set[str] = set()
    for piece in pieces:
        load, number = loads[0]
        heapq.heapreplace(loads, (load + len(piece), number))
        if number == shard.number:
            mine.update(test.id for test in piece)
    return [test for test in tests if test.id in mine]


def _pieces(tests: Sequence[TestInfo], most: int) -> list[list[TestInfo]]:
    """Chains, or the pieces of those that have more than `most` tests."""
    chains: dict[str, list[TestInfo]] = {}
    for test in tests:
        chains.setdefault(test.chain, []).append(test)
    pieces = []
    for chain in chains.values():
        start = 0
        for place in range(1, len(chain)):
            if len(chain) > most and place - start >= most and not chain[place].linked:
                pieces.append(chain[start:place])
                start = place
        pieces.append(chain[start:])
    return pieces
