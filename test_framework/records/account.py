"""What a run's facts say of its tests, as far as proofs need it: taken up fact by fact, or read from the run's file.

Rules: small, since it is kept while the run goes on; the same facts give the same account, live or read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from test_framework.model import facts as f
from test_framework.model.facts import Fact
from test_framework.model.outcome import BAD, UNPROVEN, Outcome


@dataclass(slots=True)
class Ending:
    """How a test ended in a run. `reasons` say why that proves nothing although it may be good."""

    outcome: Outcome
    seconds: float
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class Account:
    """All of it."""

    endings: dict[str, Ending] = field(default_factory=dict)
    """the last attempt of every test that was attempted"""
    collected: dict[str, tuple[str, str]] = field(default_factory=dict)
    """every test that is accounted for (executed, proven or owed): (category, layer)"""
    proven: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    """tests that were owed before the run began, because its request does not run them"""
    begun: bool = False
    broken: bool = False
    """whether a part could not be collected"""
    green: bool = False
    """whether it ended with exit code 0"""
    _places: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def take(self, fact: Fact) -> None:
        match fact:
            case f.TestFinished():
                self._place(fact.test, fact.category, fact.layer)
                self._ended(fact)
            case f.SubtestFinished() if fact.outcome in BAD:
                self._spoil(fact.test, "a subtest failed")
            case f.TestOwed():
                self._place(fact.test, fact.category, fact.layer)
                if not (self.begun or fact.another_time):
                    self.left_out.append(fact.test)
            case f.CacheHit():
                self._place(fact.test, fact.category, fact.layer)
                self.proven.add(fact.test)
            case f.LayerStarted() | f.WorkerStarted() | f.CancelRequested():
                self.begun = True
            case f.CollectionFailed():
                self.broken = True
            case f.RunFinished():
                self.green = fact.exit_code == 0
            case _:
                pass

    def _place(self, test: str, category: str, layer: str) -> None:
        place = (category, layer)
        self.collected[test] = self._places.setdefault(place, place)

    def _ended(self, fact: f.TestFinished) -> None:
        before = self.endings.get(fact.test)
        ending = self.endings[fact.test] = Ending(fact.outcome, fact.seconds)
        if before is not None:
            ending.reasons = before.reasons
            if before.outcome not in UNPROVEN:
                self._spoil(fact.test, "it ran more than once")
        if fact.flags:
            self._spoil(fact.test, ", ".join(fact.flags))

    def _spoil(self, test: str, why: str) -> None:
        """A subtest may be told before the test that it is a part of: then the outcome is still to come."""
        ending = self.endings.setdefault(test, Ending(Outcome.NOT_RUN, 0.0))
        if why not in ending.reasons:
            ending.reasons = (*ending.reasons, why)


def read_account(facts: Iterable[Fact]) -> Account:
    """The account of a run from its facts."""
    account = Account()
    for fact in facts:
        account.take(fact)
    return account
