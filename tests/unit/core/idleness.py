"""No lane idles while a unit waits that it could run.

Rules: this is the only place of the tests that opens the scheduler's own books. A rest of another lane's chain
that is shorter than two of the smallest units stays with its lane, and so does that of a lane which is idle too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from test_framework.core.chains import SMALLEST_UNIT_SECONDS, OpenChain
from test_framework.core.feeding import LOSSES_WITHOUT_PROGRESS
from test_framework.core.stages import CategoryRun

if TYPE_CHECKING:
    from tests.unit.core.referee import Referee


class Idleness:
    """Looks at the lanes between two steps of a run. Raises AssertionError when one idles."""

    def __init__(self, referee: Referee) -> None:
        self.referee = referee
        self.books = referee.books
        self.scheduler = referee.shell.scheduler

    def no_lane_idles(self) -> None:
        if self.referee.stop is not None:
            return
        unborn = [number for number, book in self.books.items() if not book.ready and not book.forces]
        idle = [
            number
            for number, book in self.books.items()
            if book.ready and not book.units and not book.forces and not book.closed
        ]
        losses = self.scheduler._feeder._losses
        vacant = [
            number
            for number in range(max(1, self.referee.plan.lanes))
            if number not in self.books and losses[number] < LOSSES_WITHOUT_PROGRESS
        ]
        for number in idle:
            assert not self.runnable(number), f"lane {number} idles while a unit waits that it could run"
        if vacant and not unborn and not idle:
            assert not self.runnable(vacant[0]), "no lane is opened while a unit waits"

    def runnable(self, number: int) -> bool:
        """Whether something waits that this lane could run now."""
        held = [self.referee.places[unit.tests[0]] for book in self.books.values() for unit in book.units]
        if any(place.chain.exclusive for place in held):
            return False
        running = [category for category in self.scheduler._course.categories if self.may_start(category)]
        roomy = [category for category in running if self.has_room(category, number)]
        for category in roomy:
            pool = category.pool
            if pool.fresh or any(self.can_take(chain, number) for chain in pool.begun):
                return True
        shared = any(category.pool.fresh or category.pool.begun for category in running)
        return not held and not shared and any(category.pool.exclusive for category in roomy)

    def may_start(self, category: CategoryRun) -> bool:
        scopes = {f"layer:{category.layer}", f"category:{category.name}"}
        started = f"category:{category.name}" in self.referee.scopes
        return started and not category.ended and not scopes & self.referee.halted.keys()

    def has_room(self, category: CategoryRun, number: int) -> bool:
        most = category.plan.max_lanes
        using = {
            key
            for key, book in self.books.items()
            if any(unit.category == category.name for unit in book.units)
        }
        own_room = most is None or len(using) < most or number in using
        return own_room and self.layer_has_room(category.layer, number)

    def layer_has_room(self, layer: str, number: int) -> bool:
        most = next(each.max_lanes for each in self.referee.plan.layers if each.id == layer)
        using = {key for key, book in self.books.items() if any(unit.layer == layer for unit in book.units)}
        return most is None or len(using) < most or number in using

    def can_take(self, chain: OpenChain, number: int) -> bool:
        if chain.holder is None or chain.holder == number or chain.holder not in self.books:
            return True
        left = sum(chain.chain.costs[chain.head : chain.tail])
        return bool(self.books[chain.holder].units) and left > 2 * SMALLEST_UNIT_SECONDS + 1e-6
