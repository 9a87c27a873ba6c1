"""Chains cut into units: what one lane runs next, in pytest's own order wherever that is possible.

Rules: a chain (usually a module) is taken from its head by the lane that holds it, so its tests run in order
in one process; only for a lane that would idle is the tail of another lane's chain split off, never between
linked tests; exclusive chains stand apart, they are taken while nothing else runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from test_framework.model.plan import Chain

SMALLEST_UNIT_SECONDS = 0.05
LARGEST_UNIT_SECONDS = 1.0
MOST_TESTS_A_UNIT = 400


@dataclass(slots=True, eq=False)
class OpenChain:
    """The part of a chain that no lane has been given yet: tests[head:tail]."""

    chain: Chain
    head: int
    tail: int
    seconds: float
    holder: int | None = None
    """the lane that took from it last"""

    @classmethod
    def of(cls, chain: Chain) -> OpenChain:
        return cls(chain, 0, len(chain.tests), sum(chain.costs))

    def __len__(self) -> int:
        return self.tail - self.head

    def linked(self, index: int) -> bool:
        """Whether test `index` has to follow directly on its predecessor."""
        links = self.chain.links
        return bool(links) and index < self.tail and links[index]

    def reach(self, seconds: float) -> tuple[int, float]:
        """Where a unit of about `seconds` (at least one test, linked ones together) would end, and its
        estimate.
        """
        index, cost, costs = self.head, 0.0, self.chain.costs
        most = self.head + MOST_TESTS_A_UNIT
        while index < self.tail:
            cost += costs[index]
            index += 1
            ends = index - 1 in self.chain.ends
            if (ends or cost >= seconds or index >= most) and not self.linked(index):
                break
        return index, cost

    def take(self, end: int, cost: float) -> int:
        """Hand out tests[head:end]; returns where they begin."""
        start, self.head = self.head, end
        self.seconds = max(0.0, self.seconds - cost) if end < self.tail else 0.0
        return start

    def best_cut(self) -> tuple[int, float] | None:
        """Where splitting off the tail comes closest to half of the seconds, and the tail's seconds."""
        if len(self) < 2 or not self.worth_taking:
            return None
        best: tuple[int, float] | None = None
        half, cost, index = self.seconds / 2, 0.0, self.tail
        while index > self.head + 1:
            index -= 1
            cost += self.chain.costs[index]
            if not self.linked(index) and (best is None or abs(cost - half) < abs(best[1] - half)):
                best = index, cost
            if cost >= half and best is not None:
                break
        return best

    @property
    def worth_taking(self) -> bool:
        """Whether it is long enough to be given to another lane than its holder."""
        return self.seconds >= 2 * SMALLEST_UNIT_SECONDS

    def pieces(self, most: int) -> int:
        """How many lanes beside its holder could be given some of it; counts no further than `most`."""
        if not self.worth_taking:
            return int(self.holder is None)
        if self.chain.links:
            return min(most, 1 + (self.best_cut() is not None))
        return max(1, min(most, len(self), int(self.seconds / (2 * SMALLEST_UNIT_SECONDS))))

    def split(self) -> OpenChain | None:
        """Split about half of what is left off the tail; None where links or size do not allow it."""
        cut = self.best_cut()
        if cut is None:
            return None
        index, cost = cut
        rest = OpenChain(self.chain, index, self.tail, cost)
        self.tail = index
        self.seconds = max(0.0, self.seconds - cost)
        return rest


@dataclass(slots=True)
class Pool:
    """All chains of one category that still have tests to hand out."""

    fresh: deque[OpenChain] = field(default_factory=deque)
    """nobody has begun them; what should begin first stands last"""
    begun: list[OpenChain] = field(default_factory=list)
    """held by a lane, or given back by one that is gone: never more than a few for each lane"""
    exclusive: list[OpenChain] = field(default_factory=list)
    seconds: float = 0.0
    """estimate of everything that is left"""

    @classmethod
    def of(cls, chains: tuple[Chain, ...]) -> Pool:
        opened = [OpenChain.of(chain) for chain in chains if chain.tests]
        shared = [each for each in opened if not each.chain.exclusive]
        shared.sort(key=lambda each: (each.chain.rank, each.seconds))
        alone = [each for each in reversed(opened) if each.chain.exclusive]
        alone.sort(key=lambda each: each.chain.rank)
        return cls(deque(shared), [], alone, sum(each.seconds for each in opened))

    def __bool__(self) -> bool:
        return bool(self.fresh or self.begun or self.exclusive)

    @property
    def shared(self) -> bool:
        """Whether something is left that may run beside other tests."""
        return bool(self.fresh or self.begun)

    def offers(self, most: int) -> int:
        """How many lanes without a unit could take one now; counts no further than `most`."""
        if len(self.fresh) >= most:
            return most
        if not self.shared:
            return min(most, len(self.exclusive[:1]))
        count = 0
        for chain in (*self.fresh, *self.begun):
            count += chain.pieces(most)
            if count >= most:
                return most
        return count

    def claim(self, lane: int, *, shortest: bool = False, busy: Container[int] = ()) -> OpenChain | None:
        """The shared chain from which `lane` should take its next unit; None: nothing for it now.

        `shortest`: a short fresh chain rather than a long one, so that a first result comes early; `busy`: where
        the lane would idle, the lanes whose chains it may divide, or take over where they cannot be divided.
        """
        for chain in self.begun:
            if chain.holder == lane:
                return chain
        for chain in self.begun:
            if chain.holder is None:
                return chain
        if self.fresh:
            return self.fresh[0 if shortest and not self.fresh[-1].chain.rank else -1]
        for chain in sorted(self.begun, key=lambda each: -each.seconds):
            if chain.holder not in busy:
                continue
            rest = chain.split()
            if rest is not None:
                self.begun.append(rest)
                return rest
            if chain.worth_taking:
                return chain
        return None

    def held_by(self, lane: int) -> bool:
        """Whether the lane is in the middle of one of these chains."""
        return any(chain.holder == lane for chain in (*self.begun, *self.exclusive))

    def claim_exclusive(self) -> OpenChain | None:
        """The next chain that has to run alone, when only such chains are left."""
        return self.exclusive[-1] if self.exclusive and not self.shared else None

    def cut(self, chain: OpenChain, lane: int, end: int, cost: float) -> int:
        """Give `lane` the tests up to `end` of a claimed chain; returns the index of the first of them."""
        if self.fresh and chain is self.fresh[-1]:
            self.begun.append(self.fresh.pop())
        elif self.fresh and chain is self.fresh[0]:
            self.begun.append(self.fresh.popleft())
        chain.holder = lane
        start = chain.take(end, cost)
        if not len(chain):
            (self.exclusive if chain.chain.exclusive else self.begun).remove(chain)
        self.seconds = max(0.0, self.seconds - cost) if self else 0.0
        return start

    def release(self, lane: int) -> None:
        """The lane is gone: whoever comes first may go on with its chains."""
        for chain in self.begun:
            if chain.holder == lane:
                chain.holder = None

    def give_back(self, chain: Chain, indices: Iterable[int]) -> None:
        """Tests that were handed out but not run: they rejoin the chain they were cut from where it still
        waits.
        """
        for head, tail in _runs(indices):
            cost = sum(chain.costs[head:tail])
            self.seconds += cost
            waiting = self.exclusive if chain.exclusive else self.begun
            for opened in waiting:
                if opened.chain is chain and opened.head == tail:
                    opened.head = head
                    opened.seconds += cost
                    break
            else:
                waiting.append(OpenChain(chain, head, tail, cost))

    def add_last(self, chain: Chain) -> None:
        """One more chain, to be begun after all others."""
        opened = OpenChain.of(chain)
        self.seconds += opened.seconds
        if chain.exclusive:
            self.exclusive.insert(0, opened)
        else:
            self.fresh.appendleft(opened)

    def drain(self) -> list[str]:
        """All tests that are left, in order; the pool is empty afterwards."""
        left = [*self.begun, *reversed(self.fresh), *reversed(self.exclusive)]
        self.fresh, self.begun, self.exclusive, self.seconds = deque(), [], [], 0.0
        return [test for each in left for test in each.chain.tests[each.head : each.tail]]


def _runs(indices: Iterable[int]) -> list[tuple[int, int]]:
    """Indices as half-open runs, the last first, so that each can rejoin what follows it."""
    found: list[tuple[int, int]] = []
    for index in sorted(indices, reverse=True):
        if found and found[-1][0] == index + 1:
            found[-1] = (index, found[-1][1])
        else:
            found.append((index, index + 1))
    return found
