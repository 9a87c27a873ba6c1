"""In which order tests run, and which of them when the time does not suffice for all.

Rules: pure and deterministic. What must run is chosen whatever it costs; then as much chance of finding a failure as
fits into the budget. Failed last time comes first. A flaky test's failures tell nothing about the change: they do not
count. What is not chosen is owed, with the reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from test_framework.core.memory import Memory, Record
from test_framework.core.proof import Cause, Decision, Proven, ToRun

LEAST_SECONDS = 0.001
OF_ITS_OWN_CHANGE = 0.4
"""chance that a test fails when code changed that it alone executes; shared code is divided among those who share it"""
OF_ANY_CHANGE = 0.02
"""... when only something changed that ran before it in its process"""
OF_A_NEW_TEST = 0.2
OF_A_LAST_FAILURE = 0.9
PRIOR_FAILURES, PRIOR_RUNS = 0.02, 1.0
"""what is assumed of a test's past before it has one (a beta prior of mean 2 %)"""


@dataclass(frozen=True, slots=True)
class Past:
    """How often a test ran and failed; `flaky`: it has failed and passed on the same inputs."""

    runs: int = 0
    failures: int = 0
    flaky: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A test that could run. `chance`: that it fails now, from 0 to 1."""

    test: str
    seconds: float
    chance: float
    must_run: bool = False
    failed_last: bool = False

    @property
    def worth(self) -> float:
        """Chance of a failure for each second."""
        return self.chance / max(self.seconds, LEAST_SECONDS)


@dataclass(frozen=True, slots=True)
class Choice:
    """`chosen` in the order in which to run; `owed`: test -> reason."""

    chosen: tuple[str, ...]
    owed: Mapping[str, str]
    seconds: float
    """estimate of all that is chosen, on one lane"""


def chance_of_failure(
    decision: Decision, past: Past, touched: Iterable[int], sharing: Mapping[int, int]
) -> float:
    """The chance from what changed, what the past says, and whether the test is new.

    `touched` are the changed blocks that the test itself executes, `sharing` how many tests execute each of them. The
    causes are taken as independent: 1 - product of (1 - chance of each).
    """
    spared = 1.0 - history_chance(past)
    for block in touched:
        spared *= 1.0 - OF_ITS_OWN_CHANGE / math.sqrt(max(1, sharing.get(block, 1)))
    if isinstance(decision, ToRun):
        match decision.reason.cause:
            case Cause.FAILED:
                spared *= 1.0 - (OF_A_NEW_TEST if past.flaky else OF_A_LAST_FAILURE)
            case Cause.NEVER_RECORDED:
                spared *= 1.0 - OF_A_NEW_TEST
            case Cause.UNPROVABLE | Cause.AUDIT | Cause.ASKED:
                pass
            case _:
                spared *= 1.0 - OF_ANY_CHANGE
    return 1.0 - spared


def history_chance(past: Past) -> float:
    """How often it failed, pulled toward the prior where it ran seldom; a flaky test has the prior only."""
    failures = 0 if past.flaky else past.failures
    return (failures + PRIOR_FAILURES) / (past.runs + PRIOR_RUNS)


def candidates(
    memory: Memory,
    decisions: Mapping[str, Decision],
    changed: frozenset[int],
    past: Mapping[str, Past],
    *,
    must_run: frozenset[str] = frozenset(),
    unknown_seconds: float = 0.1,
    seconds: Mapping[str, float] | None = None,
) -> list[Candidate]:
    """The tests that are to run, weighed. `changed`: numbers of changed blocks; `seconds`: better estimates."""
    own = {test: changed.intersection(own_blocks(memory, record)) for test, record in memory.records.items()}
    sharing = Counter(block for blocks in own.values() for block in blocks)
    estimates = seconds or {}
    found = []
    for test, decision in decisions.items():
        if isinstance(decision, Proven):
            continue
        record = memory.records.get(test)
        known = record.seconds if record is not None else unknown_seconds
        touched = own.get(test, frozenset())
        failed = decision.reason.cause is Cause.FAILED
        found.append(
            Candidate(
                test=test,
                seconds=estimates.get(test, known),
                chance=chance_of_failure(decision, past.get(test, Past()), sorted(touched), sharing),
                must_run=test in must_run,
                failed_last=failed,
            )
        )
    return found


def own_blocks(memory: Memory, record: Record) -> Sequence[int]:
    """What the test itself executed; where that was not recorded, what it executed first in its process."""
    if record.own or record.order < 0:
        return record.own
    return memory.snapshots[record.run].processes[record.process][record.order].blocks


def order(tests: Iterable[Candidate]) -> list[Candidate]:
    """Failed last time first, then the most chance for each second; ties by chance, shortness and name."""
    return sorted(
        tests, key=lambda one: (not one.failed_last, -one.worth, -one.chance, one.seconds, one.test)
    )


def choose(tests: Sequence[Candidate], budget_seconds: float | None, lanes: int = 1) -> Choice:
    """What to run within a budget of wall time on so many lanes. None: no limit.

    Greedy by worth, or the single test of most chance where that is worth more than all of these: at least half of
    what the best possible choice could find (the bound of the greedy knapsack; Dantzig 1957).
    """
    ranked = order(tests)
    if budget_seconds is None:
        return Choice(tuple(one.test for one in ranked), {}, sum(one.seconds for one in ranked))
    chosen = [one for one in ranked if one.must_run]
    left = max(0.0, budget_seconds * lanes - sum(one.seconds for one in chosen))
    free = [one for one in ranked if not one.must_run and one.seconds <= budget_seconds]
    filled = _fill(sorted(free, key=lambda one: (-one.worth, -one.chance, one.test)), left)
    single = max(
        (one for one in free if one.seconds <= left), key=lambda one: (one.chance, one.test), default=None
    )
    if single is not None and single.chance > sum(one.chance for one in filled):
        filled = _fill([single, *(one for one in free if one is not single)], left)
    taken = {one.test for one in (*chosen, *filled)}
    owed = {one.test: _why_owed(one, budget_seconds) for one in ranked if one.test not in taken}
    in_order = [one for one in ranked if one.test in taken]
    in_order.sort(key=lambda one: not one.must_run)
    return Choice(tuple(one.test for one in in_order), owed, sum(one.seconds for one in in_order))


def _fill(tests: Iterable[Candidate], left: float) -> list[Candidate]:
    taken = []
    for one in tests:
        if one.seconds <= left:
            taken.append(one)
            left -= one.seconds
    return taken


def _why_owed(one: Candidate, budget_seconds: float) -> str:
    if one.seconds > budget_seconds:
        return f"it takes about {one.seconds:.1f} s, longer than the budget of {budget_seconds:.1f} s"
    return (
        f"the budget of {budget_seconds:.1f} s was given to tests more likely to fail "
        f"(this one: {one.chance:.1%}, about {one.seconds:.2f} s)"
    )
