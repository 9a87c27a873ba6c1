"""Watches a simulated run and says which promise of the core was broken.

Rules: it knows only what the shell knows (facts, signals, instructions) and what the simulated lanes really
did.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from test_framework.core.instructions import (
    CloseLane,
    Force,
    HoldLane,
    Instruction,
    LaneEnded,
    LaneReady,
    OpenLane,
    StartUnit,
    StopLane,
    UnitEnded,
)
from test_framework.core.lanes import GIVE_UP_SECONDS
from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN, Outcome, StopReason
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Unit
from tests.unit.core.gates import Gates
from tests.unit.core.idleness import Idleness
from tests.unit.core.last_look import SLACK, LastLook

if TYPE_CHECKING:
    from tests.unit.core.simulated_lane import SimulatedLane
    from tests.unit.core.simulated_shell import Shell


@dataclass
class Place:
    layer: LayerPlan
    category: CategoryPlan
    chain: Chain
    index: int


@dataclass
class Book:
    """What the shell knows of one life of a lane."""

    lane: SimulatedLane | None = None
    ready: bool = False
    units: list[Unit] = field(default_factory=list)
    told: str = ""
    """hold or close, since its last unit"""
    closed: bool = False
    forces: list[tuple[Force, float, str]] = field(default_factory=list)
    why: str = ""
    test: str = ""
    given_up: bool = False


class Referee:
    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.plan = shell.plan
        self.places = {
            test: Place(layer, category, chain, index)
            for layer in self.plan.layers
            for category in layer.categories
            for chain in category.chains
            for index, test in enumerate(chain.tests)
        }
        self.books: dict[int, Book] = {}
        self.past: list[Book] = []
        self.finished: dict[str, f.TestFinished] = {}
        self.attempts: Counter[str] = Counter()
        self.owed: dict[str, str] = {}
        self.scopes: dict[str, float] = {}
        """layer:<id> and category:<layer>/<name> -> when it started"""
        self.ended: dict[str, str] = {}
        self.halted: dict[str, set[str]] = {}
        """scope -> the reasons for which it was stopped"""
        self.stop: StopReason | None = None
        self.stopped_at: dict[StopReason, float] = {}
        self.takers: dict[int, set[int]] = {}
        """chain -> the lives of lanes that were given a piece of it"""
        self.gates = Gates(self)

    # -- instructions ---------------------------------------------------------------------------------------

    def told(self, instruction: Instruction) -> None:
        match instruction:
            case OpenLane():
                assert instruction.lane not in self.books, "a lane is opened twice"
                assert 0 <= instruction.lane < max(1, self.plan.lanes), "more lanes than planned"
                assert self.stop is None, "a lane is opened after a stop"
                self.books[instruction.lane] = Book()
            case StartUnit():
                self.unit_started(instruction)
            case HoldLane():
                book = self.books[instruction.lane]
                assert len(book.units) == 1, "only a lane with one unit is held"
                book.told = "hold"
            case CloseLane():
                book = self.books[instruction.lane]
                assert not book.closed, "a lane is closed twice"
                assert book.ready, "a lane is closed before it is ready"
                book.closed, book.told = True, "close"
            case StopLane():
                self.lane_stopped(instruction)

    def unit_started(self, instruction: StartUnit) -> None:
        unit, book = instruction.unit, self.books[instruction.lane]
        place = self.places[unit.tests[0]]
        assert book.ready, "a unit for a lane that is not ready"
        assert not book.closed, "a unit for a closed lane"
        assert not book.forces, "a unit for a lane that is being stopped"
        assert len(book.units) < 2, "a third unit for a lane"
        assert self.stop is None, "a unit is started after a stop"
        layer, category = f"layer:{unit.layer}", f"category:{unit.category}"
        assert layer in self.scopes, "a unit of a layer that has not started"
        assert layer not in self.ended, "a unit of a layer that has ended"
        assert category in self.scopes, "a unit of a category that has not started"
        assert category not in self.ended, "a unit of a category that has ended"
        assert not {layer, category} & self.halted.keys(), "a unit is started in a stopped scope"
        held = {test for other in self.books.values() for each in other.units for test in each.tests}
        held -= self.finished.keys()
        for test in unit.tests:
            assert test not in self.finished or self.may_retry(test), (
                "a test is started that has been decided"
            )
            assert test not in self.owed, "a test is started that is owed"
        assert not held & set(unit.tests), "a test is with two lanes"
        tests, start = place.chain.tests, place.index
        assert tests[start : start + len(unit.tests)] == unit.tests, "a unit is no piece of its chain"
        retried = unit.tests[0] in self.finished
        if retried:
            assert len(unit.tests) == 1, "a retried test is not by itself"
            assert book.lane is None or unit.tests[0] not in book.lane.ran, (
                "a test is retried in the same process"
            )
        else:
            self.links_hold(place, unit)
        self.runs_where_it_may(place, instruction.lane, book)
        self.takers.setdefault(id(place.chain), set()).update((id(book), -1) if retried else (id(book),))
        book.units.append(unit)
        book.told = ""

    def may_retry(self, test: str) -> bool:
        """Whether a test that was decided may run once more."""
        return (
            self.finished[test].outcome in BAD and self.attempts[test] <= self.places[test].category.retries
        )

    def links_hold(self, place: Place, unit: Unit) -> None:
        links, start, end = place.chain.links, place.index, place.index + len(unit.tests)
        if not links:
            return
        assert end >= len(links) or not links[end], "a unit ends between linked tests"
        if start and links[start]:
            before = place.chain.tests[start - 1]
            assert any(before in book.lane.ran for book in self.past if book.lane is not None), (
                "a unit begins between linked tests, and no lane died there"
            )

    def runs_where_it_may(self, place: Place, number: int, book: Book) -> None:
        others = {key: other for key, other in self.books.items() if other.units}
        exclusive = any(
            self.places[unit.tests[0]].chain.exclusive for other in others.values() for unit in other.units
        )
        assert not exclusive, "a unit is started beside an exclusive one"
        if place.chain.exclusive:
            assert not others, "an exclusive unit is started beside another"
        if place.category.max_lanes is not None:
            using = {
                key
                for key, other in others.items()
                if any(unit.category == place.category.name for unit in other.units)
            }
            assert len(using | {number}) <= max(1, place.category.max_lanes), (
                "more lanes than the category allows"
            )
        most = place.layer.max_lanes
        if most is not None:
            inside = {
                key
                for key, other in others.items()
                if any(unit.layer == place.layer.id for unit in other.units)
            }
            assert len(inside | {number}) <= most, "more lanes than the layer allows"

    def lane_stopped(self, order: StopLane) -> None:
        book = self.books[order.lane]
        now = self.shell.now
        if book.forces:
            force, since, _ = book.forces[-1]
            assert order.force > force, "force does not rise"
            gentle = self.stop is None or self.stop < StopReason.SECOND_INTERRUPT
            unlimited = not any(
                budget is not None
                for budget in (
                    self.plan.budget_seconds,
                    *(layer.budget_seconds for layer in self.plan.layers),
                    *(each.budget_seconds for layer in self.plan.layers for each in layer.categories),
                )
            )
            if order.force >= Force.TERMINATE and gentle and unlimited:
                assert now - since >= self.plan.grace_seconds / 2 - 1e-6, "no grace between two rungs"
        if order.force is Force.TERMINATE and book.test:
            assert any(force is Force.INTERRUPT for force, _, _ in book.forces), (
                "a test is terminated that was not interrupted first"
            )
        if order.force is Force.KILL and book.ready and (self.stop or 0) < StopReason.SECOND_INTERRUPT:
            assert any(force is Force.TERMINATE for force, _, _ in book.forces), (
                "a lane is killed that was not terminated first"
            )
        book.why = order.why
        book.forces.append((order.force, now, order.test))

    # -- facts and signals ----------------------------------------------------------------------------------

    def heard(self, lane: SimulatedLane | None, event: Any) -> None:
        match event:
            case LaneReady():
                self.books[event.lane].lane = lane
                self.books[event.lane].ready = True
            case UnitEnded():
                book = self.books[event.lane]
                book.units = [unit for unit in book.units if unit.id != event.unit]
            case LaneEnded():
                book = self.books.pop(event.lane)
                book.lane = lane
                self.past.append(book)
            case f.TestStarted():
                if lane is not None:
                    self.books[lane.number].test = event.test
            case f.CancelRequested():
                self.raise_stop(event)

    def raise_stop(self, cancel: f.CancelRequested) -> None:
        reason = StopReason[cancel.reason.upper()]
        if cancel.scope != "run":
            self.halted.setdefault(cancel.scope, set()).add(cancel.reason)
        elif self.stop is None or reason > self.stop:
            self.stop = reason
            self.stopped_at.setdefault(reason, self.shell.now)

    def recorded(self, fact: f.Fact) -> None:
        match fact:
            case f.TestFinished():
                self.test_finished(fact)
            case f.TestOwed():
                assert fact.test not in self.owed, "a test is owed twice"
                assert fact.reason, "a test is owed without a reason"
                before = self.finished.get(fact.test)
                assert before is None or before.outcome in UNPROVEN, "a decided test is owed"
                self.owed[fact.test] = fact.reason
            case f.CancelRequested():
                self.raise_stop(fact)
            case f.AlertRaised(kind="unkillable"):
                number = int(fact.message.split()[0][2:])
                book = self.books.pop(number)
                book.given_up = True
                self.past.append(book)
                self.shell.lanes.pop(number)
            case f.LayerStarted():
                self.layers_it_needs_went_well(fact.layer)
                self.gates.layer_starts(fact)
                self.scope_starts(f"layer:{fact.layer}")
            case f.CategoryStarted():
                assert f"layer:{fact.layer}" in self.scopes, "a category starts before its layer"
                assert f"layer:{fact.layer}" not in self.ended, "a category starts in a layer that has ended"
                self.gates.category_starts(fact)
                self.scope_starts(f"category:{fact.category}")
                self.categories_before_it_have_ended(fact)
            case f.CategoryFinished():
                self.scope_ends(f"category:{fact.category}", fact.status)
            case f.LayerFinished():
                plan = next(layer for layer in self.plan.layers if layer.id == fact.layer)
                for category in plan.categories:
                    assert f"category:{category.name}" in self.ended, "a layer ends before its categories"
                self.scope_ends(f"layer:{fact.layer}", fact.status)
                self.gates.layer_ended(fact)

    def layers_it_needs_went_well(self, name: str) -> None:
        layers = {layer.id: layer for layer in self.plan.layers}
        for needed in layers[name].depends_on:
            status = self.ended.get(f"layer:{needed}")
            partial = status == "timed_out" and layers[needed].allow_partial_success
            assert status in ("passed", "empty") or partial, "a layer starts after one it needs went wrong"

    def categories_before_it_have_ended(self, fact: f.CategoryStarted) -> None:
        layer = next(each for each in self.plan.layers if each.id == fact.layer)
        category = next(each for each in layer.categories if each.name == fact.category)
        running = [
            each.name
            for each in layer.categories
            if f"category:{each.name}" in self.scopes
            and f"category:{each.name}" not in self.ended
            and each is not category
        ]
        if layer.mode == "sequential":
            assert not running, "two categories of a sequential layer at once"
            return
        for name in category.depends_on & {each.name for each in layer.categories}:
            assert f"category:{name}" in self.ended, "a category starts before what it depends on has ended"
        if layer.mode == "hybrid" and category.max_lanes == 1:
            assert not running, "a category that needs a lane for itself starts beside others"

    def scope_starts(self, scope: str) -> None:
        assert scope not in self.scopes, f"{scope} starts twice"
        assert self.stop is None, f"{scope} starts after a stop"
        assert scope not in self.halted, f"{scope} starts although it was stopped"
        self.scopes[scope] = self.shell.now

    def scope_ends(self, scope: str, status: str) -> None:
        assert scope not in self.ended, f"{scope} ends twice"
        assert (scope in self.scopes) == (status != "blocked"), f"{scope} ends {status}"
        self.ended[scope] = status
        kind, _, name = scope.partition(":")
        plans: list[Any] = [each for each in self.plan.layers if each.id == name]
        if kind == "category":
            plans = [each for layer in self.plan.layers for each in layer.categories if each.name == name]
        if scope in self.scopes and plans[0].budget_seconds is not None:
            limit = self.scopes[scope] + plans[0].budget_seconds + SLACK + self.unkillable_seconds()
            assert self.shell.now <= limit, f"{scope} ends after its deadline"

    def unkillable_seconds(self) -> float:
        immortal = any(nature.kind == "immortal" for nature in self.shell.world.natures)
        return GIVE_UP_SECONDS if immortal else 0.0

    def test_finished(self, fact: f.TestFinished) -> None:
        before = self.finished.get(fact.test)
        assert before is None or self.may_retry(fact.test), "an attempt is reported twice"
        assert fact.test not in self.owed, "a test that is owed is decided"
        self.attempts[fact.test] += 1
        if before is None or fact.outcome not in UNPROVEN:
            self.finished[fact.test] = fact
        place = self.places[fact.test]
        assert (fact.category, fact.layer) == (place.category.name, place.layer.id)
        limit = place.category.test_timeout_seconds
        if limit is not None:
            most = limit + self.plan.grace_seconds + SLACK + self.unkillable_seconds()
            if fact.outcome is Outcome.NOT_RUN:
                most += (
                    self.plan.grace_seconds / 2
                )  # cancelled just before its limit: a whole grace, then a rung
            assert fact.seconds <= most, "a test is much longer than its limit allows"
        scopes = {"run", f"layer:{fact.layer}", f"category:{fact.category}"}
        late = [scope for scope in scopes if "budget" in self.halted.get(scope, ())]
        late += ["run"] if self.stop is StopReason.BUDGET else []
        if fact.outcome is Outcome.TIMED_OUT:
            over = limit is not None and fact.seconds >= limit - 0.06
            assert over or late, "a test has timed out that is not over its limit"
        if fact.outcome is Outcome.NOT_RUN:
            assert self.stop is not None or scopes & self.halted.keys(), (
                "a test is cancelled, and nothing was stopped"
            )
        number = int(fact.worker[2:])
        book = self.books.get(number)
        lane = book.lane if book is not None else self.past[-1].lane
        died_of = lane.died_of if lane is not None and lane.test == fact.test else ""
        if fact.outcome in (Outcome.CRASHED, Outcome.OOM):
            assert died_of, "a test is blamed for a crash that it did not cause"
            assert (fact.outcome is Outcome.OOM) == ("memory" in died_of)
        forces = [force for force, _, _ in (book or self.past[-1]).forces]
        if died_of and not any(force >= Force.INTERRUPT for force in forces):
            assert fact.outcome in (Outcome.CRASHED, Outcome.OOM), "a crash is not called a crash"
        if book is not None:
            book.test = ""
            if book.forces and book.forces[-1] == (Force.INTERRUPT, book.forces[-1][1], fact.test):
                if book.why == "timed_out":
                    book.forces = []

    def test_begins(self, lane: SimulatedLane, test: str) -> None:
        place = self.places[test]
        others = [
            other.test
            for other in self.shell.lanes.values()
            if other is not lane and other.alive and other.test
        ]
        assert test not in others, "a test runs on two lanes"
        if place.chain.exclusive:
            assert not others, "a test runs beside an exclusive one"
        assert not any(self.places[other].chain.exclusive for other in others), (
            "a test runs beside an exclusive one"
        )

    # -- between the steps ----------------------------------------------------------------------------------

    def after_step(self) -> None:
        scheduler = self.shell.scheduler
        assert scheduler.stop is self.stop, "the reason to stop is not the highest that was given"
        if self.shell.finished:
            return
        for number, book in self.books.items():
            if book.ready and len(book.units) == 1 and not book.forces:
                assert book.told, f"lane {number} does not know what follows its last unit"
        Idleness(self).no_lane_idles()
        self.gates.nothing_waits_that_could_start()

    def at_the_end(self) -> None:
        LastLook(self).look()
