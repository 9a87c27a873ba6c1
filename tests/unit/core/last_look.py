"""What must hold when a simulated run is over: nothing lost, nothing parted, nothing late."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from test_framework.model.outcome import BAD, UNPROVEN, StopReason

if TYPE_CHECKING:
    from tests.unit.core.referee import Referee

SLACK = 0.2
"""Seconds that messages and dying take in the simulation."""


class LastLook:
    """Reads the referee's books after the last instruction. Raises AssertionError for a broken promise."""

    def __init__(self, referee: Referee) -> None:
        self.referee = referee

    def look(self) -> None:
        now = self.referee.shell.now
        assert not self.referee.books, "lanes live on at the end"
        decided = {test for test, fact in self.referee.finished.items() if fact.outcome not in UNPROVEN}
        assert decided | self.referee.owed.keys() == self.referee.places.keys(), (
            "a test is neither decided nor owed"
        )
        assert not decided & self.referee.owed.keys(), "a test is decided and owed"
        for layer in self.referee.plan.layers:
            assert f"layer:{layer.id}" in self.referee.ended, "a layer has not ended"
        for book in self.referee.past:
            if book.lane is not None and book.ready and not book.forces and not book.lane.died_of:
                assert book.closed, "a lane ended that was not told to"
        self.bad_tests_had_their_tries()
        self.failed_categories_hold_a_failure()
        self.spoiled_processes_ended()
        self.links_were_kept()
        self.whole_chains_ran_in_order()
        self.ended_in_time(now)
        if self.referee.owed and self.referee.stop is None:
            statuses = set(self.referee.ended.values())
            assert statuses - {"passed", "empty"}, "tests are owed, and everything is said to have passed"

    def bad_tests_had_their_tries(self) -> None:
        if self.referee.stop is not None or self.referee.halted:
            return
        for test, fact in self.referee.finished.items():
            if fact.outcome in BAD:
                tries = 1 + self.referee.places[test].category.retries
                assert self.referee.attempts[test] == tries, (
                    "a bad test was not retried as often as it may be"
                )

    def failed_categories_hold_a_failure(self) -> None:
        """A test that passed in the end, when it was retried, fails nothing."""
        bad = {fact.category for fact in self.referee.finished.values() if fact.outcome in BAD}
        for scope, status in self.referee.ended.items():
            kind, _, name = scope.partition(":")
            assert kind != "category" or status != "failed" or name in bad, (
                "a category failed without a failure"
            )

    def spoiled_processes_ended(self) -> None:
        if self.referee.plan.fresh_seconds is None:
            return
        for book in self.referee.past:
            ran = book.lane.ran if book.lane is not None else []
            for test in ran[:-1]:
                place = self.referee.places[test]
                links, after = place.chain.links, place.index + 1
                spoils = place.index in place.chain.ends and self.referee.attempts[test] == 1
                linked = bool(links) and after < len(links) and links[after]
                assert linked or not spoils, "a process went on after a test that spoiled it"

    def links_were_kept(self) -> None:
        for book in self.referee.past:
            ran = book.lane.ran if book.lane is not None else []
            for at, test in enumerate(ran[:-1]):
                place = self.referee.places[test]
                links, after = place.chain.links, place.index + 1
                if links and after < len(links) and links[after] and self.referee.attempts[test] == 1:
                    assert ran[at + 1] == place.chain.tests[after], "another test ran between linked ones"

    def whole_chains_ran_in_order(self) -> None:
        ran: dict[int, list[int]] = {}
        for book in self.referee.past:
            for test in book.lane.ran if book.lane is not None else []:
                place = self.referee.places[test]
                ran.setdefault(id(place.chain), []).append(place.index)
        for chain, indices in ran.items():
            if len(self.referee.takers[chain]) == 1:
                assert indices == sorted(indices), "a chain on one lane did not run in pytest's order"

    def ended_in_time(self, now: float) -> None:
        grace, shutdown = self.referee.plan.grace_seconds, self.referee.plan.shutdown_seconds
        more = SLACK + self.referee.unkillable_seconds()
        if self.referee.plan.budget_seconds is not None:
            closing = grace if not any(layer.categories for layer in self.referee.plan.layers) else 0.0
            assert now <= self.referee.plan.budget_seconds + closing + more, "the run overruns its budget"
        rungs = {
            StopReason.SECOND_INTERRUPT: 0.0,
            StopReason.INTERNAL_ERROR: 0.0,
            StopReason.INTERRUPT: 2.0 * grace,
            StopReason.SIGNAL: 1.5 * grace,
            StopReason.FAILURES: 2 * shutdown + 3 * grace,
            StopReason.TEST_REQUEST: 2 * shutdown + 3 * grace,
        }
        unborn = 1.0 if any(nature.kind == "unborn" for nature in self.referee.shell.world.natures) else 0.0
        for reason, at in self.referee.stopped_at.items():
            if reason in rungs:
                limit = at + rungs[reason] + more + unborn
                assert now <= limit, f"the run goes on too long after a stop ({reason.name})"
        assert math.isfinite(now)
