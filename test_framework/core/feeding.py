"""Gives lanes their units: which lane runs what next, which lane is opened, held or closed.

Rules: a lane has at most one unit running and one waiting; a unit waits behind another only while enough is
left to keep the other lanes busy meanwhile; a lane with one unit left always knows whether to expect more;
the estimate of a unit is a share of what is left, so units shrink toward the end; an exclusive unit runs
alone.
"""

from __future__ import annotations

import math
from collections import Counter

from test_framework.core.chains import LARGEST_UNIT_SECONDS, SMALLEST_UNIT_SECONDS, OpenChain
from test_framework.core.instructions import CloseLane, HoldLane, Instruction, OpenLane, StartUnit
from test_framework.core.lanes import Held, Lane
from test_framework.core.stages import CategoryRun
from test_framework.model.plan import Plan, Unit

UNITS_A_LANE = 8
"""A unit is about this share of what is left for each lane."""
LOSSES_WITHOUT_PROGRESS = 3
"""A lane that is lost so often in a row without deciding a test is not opened again."""


class Feeder:
    """Owns the lanes of one run; appends instructions to `out`."""

    def __init__(self, plan: Plan, categories: list[CategoryRun], out: list[Instruction]) -> None:
        self.lanes: dict[int, Lane] = {}
        self._plan = plan
        self._size = max(1, plan.lanes)
        self._most = {each.id: max(1, each.max_lanes) for each in plan.layers if each.max_lanes is not None}
        """layers that may have so many lanes only"""
        self._categories = categories
        self._out = out
        self._losses = [0] * self._size
        self._units = 0
        self._first = True
        """the very first unit is still to be given out: a short one, so that a first result comes early"""

    # -- lanes that come and go -----------------------------------------------------------------------------

    def gone(self, lane: Lane, *, lost: bool) -> None:
        """A lane has ended; `lost`: by itself and without having decided a test."""
        del self.lanes[lane.number]
        self._losses[lane.number] = self._losses[lane.number] + 1 if lost else 0
        if lane.given_up:
            self._losses[lane.number] = LOSSES_WITHOUT_PROGRESS
        for category in self._categories:
            category.pool.release(lane.number)

    @property
    def exhausted(self) -> bool:
        """Whether no lane lives and none may be opened again."""
        return not self.lanes and all(losses >= LOSSES_WITHOUT_PROGRESS for losses in self._losses)

    def _open_lanes(self, runnable: list[CategoryRun], now: float) -> None:
        """Open as many lanes as could take a unit beside those that wait for one already."""
        vacant = [number for number in range(self._size) if number not in self.lanes]
        if not vacant:
            return
        idle = sum(
            1
            for lane in self.lanes.values()
            if not lane.units and not lane.closed and lane.force is None and not self._is_spent(lane, now)
        )
        offers = 0
        room = {layer: most - len(self._users_of_layer(layer)) for layer, most in self._most.items()}
        for category in runnable:
            most = room.get(category.layer, self._size)
            if category.most_lanes is not None:
                most = min(most, category.most_lanes - len(self._users(category)))
            more = category.pool.offers(min(most, self._size)) if most > 0 else 0
            offers += more
            if category.layer in room:
                room[category.layer] -= more
        for number in vacant:
            if offers <= idle:
                return
            if self._losses[number] < LOSSES_WITHOUT_PROGRESS:
                idle += 1
                self.lanes[number] = Lane(number, now + self._plan.birth_seconds)
                self._out.append(OpenLane(lane=number))

    # -- units ----------------------------------------------------------------------------------------------

    def fill(self, now: float) -> None:
        """Give every lane that could run something a unit, and perhaps one more to follow it."""
        runnable = [each for each in self._categories if each.may_start]
        if not runnable:
            return
        for queued in (0, 1):
            for lane in self.lanes.values():
                if lane.may_take(queued) and not self._is_spent(lane, now):
                    self._feed(lane, queued, runnable, now)
        if not self._exclusive_runs():
            self._open_lanes([category for category in runnable if category.pool], now)

    def _exclusive_runs(self) -> bool:
        return any(held.chain.exclusive for lane in self.lanes.values() for held in lane.units)

    def _feed(self, lane: Lane, queued: int, runnable: list[CategoryRun], now: float) -> None:
        """Give the lane, which has `queued` units, another, if there is one that it should take."""
        if self._exclusive_runs():
            return
        busy = () if queued else [number for number, other in self.lanes.items() if other.units]
        for category in runnable if queued else self._fairly(lane, runnable):
            if not category.pool.shared or (queued and category is not lane.category):
                continue
            if not self._has_room(category, lane):
                continue
            chain = category.pool.claim(lane.number, shortest=self._first, busy=busy)
            if chain is None:
                continue
            end, cost = chain.reach(self._unit_seconds(category))
            if not queued or self._worth_waiting(lane, category, cost):
                self._start(lane, category, chain, end, cost, now)
            return
        if not queued and not busy:
            for category in runnable:
                chain = category.pool.claim_exclusive()
                if chain is not None:
                    self._start(lane, category, chain, *chain.reach(chain.seconds + 1.0), now)
                    return

    def _fairly(self, lane: Lane, runnable: list[CategoryRun]) -> list[CategoryRun]:
        """A lane stays with the chain that it is in; else the category that fewest lanes work for comes first."""
        if len(runnable) < 2:
            return runnable
        users = Counter(other.category for other in self.lanes.values() if other.units)
        return sorted(runnable, key=lambda each: (not each.pool.held_by(lane.number), users[each]))

    def _is_spent(self, lane: Lane, now: float) -> bool:
        """Whether it will have run for so long that the next chain should have a fresh process."""
        fresh = self._plan.fresh_seconds
        ends = now + sum(held.unit.seconds for held in lane.units)
        aged = fresh is not None and ends >= lane.began + fresh
        if not lane.kept and (lane.over or any(held.ends_lane for held in lane.units)):
            return True
        if lane.kept or not (aged or lane.spent):
            return False
        return not any(category.pool.held_by(lane.number) for category in self._categories)

    def _unit_seconds(self, category: CategoryRun) -> float:
        share = category.pool.seconds / (self._lanes_for(category) * UNITS_A_LANE)
        return min(max(share, SMALLEST_UNIT_SECONDS), LARGEST_UNIT_SECONDS)

    def _worth_waiting(self, lane: Lane, category: CategoryRun, cost: float) -> bool:
        """Whether the other lanes have enough to do until this one would get to a second unit."""
        others = self._lanes_for(category) - 1
        return (lane.units[0].unit.seconds + cost) * others <= category.pool.seconds - cost

    def _lanes_for(self, category: CategoryRun) -> int:
        most = min(self._size, self._most.get(category.layer, self._size))
        return most if category.most_lanes is None else min(most, category.most_lanes)

    def _users(self, category: CategoryRun) -> set[int]:
        return {number for number, lane in self.lanes.items() if lane.category is category}

    def _users_of_layer(self, layer: str) -> set[int]:
        categories = ((number, lane.category) for number, lane in self.lanes.items())
        return {number for number, each in categories if each is not None and each.layer == layer}

    def _has_room(self, category: CategoryRun, lane: Lane) -> bool:
        most = self._most.get(category.layer)
        if most is not None:
            users = self._users_of_layer(category.layer)
            if lane.number not in users and len(users) >= most:
                return False
        if category.most_lanes is None:
            return True
        users = self._users(category)
        return lane.number in users or len(users) < category.most_lanes

    def _start(
        self, lane: Lane, category: CategoryRun, chain: OpenChain, end: int, cost: float, now: float
    ) -> None:
        start = category.pool.cut(chain, lane.number, end, cost)
        tests = chain.chain.tests[start:end]
        self._units += 1
        self._first = False
        unit = Unit(self._units, category.layer, category.name, chain.chain.key, tests, cost)
        if not lane.units:
            lane.quiet_until = now + self._plan.shutdown_seconds
        places = dict(zip(tests, range(start, end), strict=True))
        ends_lane = self._plan.fresh_seconds is not None and end - 1 in chain.chain.ends
        lane.units.append(Held(unit, category, chain.chain, places, ends_lane))
        lane.held = False
        lane.began = min(lane.began, now)
        category.busy += 1
        self._out.append(StartUnit(lane=lane.number, unit=unit))

    # -- what lanes may expect ------------------------------------------------------------------------------

    def tell_what_follows(self, now: float) -> list[Lane]:
        """Tell lanes whether more will come, which they need to tear down the right fixtures.

        Returns the lanes without a test for which nothing more will come.
        """
        more = any(category.may_come for category in self._categories)
        leaving = []
        for lane in self.lanes.values():
            leaves = not more or (not lane.units and self._is_spent(lane, now))
            if leaves and not lane.units and (not lane.closed or lane.end_by == math.inf):
                leaving.append(lane)
            if not lane.ready or lane.closed or lane.force is not None or len(lane.units) > 1:
                continue
            if leaves:
                lane.closed = True
                self._out.append(CloseLane(lane=lane.number))
            elif lane.units and not lane.held:
                lane.held = True
                self._out.append(HoldLane(lane=lane.number))
        return leaving
