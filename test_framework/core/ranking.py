"""How likely tests are to fail now, and which of their chains therefore come first.

Rules: pure and deterministic. A chance comes from what changed and what the test itself executes, from its past, and
from its newness; causes count as independent. A flaky test's failures tell nothing about a change: they do not count.
Only tests of which something speaks have a chance of their own; all others have `UNREMARKABLE`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from test_framework.core.memory import Memory, file_of
from test_framework.core.proof import Cause, Decision, ToRun

LEAST_SECONDS = 0.001
OF_ITS_OWN_CHANGE = 0.4
"""chance that a test fails when code changed that it alone executes; shared code is divided among those who share it"""
OF_A_REACHED_TEST = 0.05
"""... that a change reaches by something that ran before it in its process"""
OF_A_NEW_TEST = 0.2
OF_A_LAST_FAILURE = 0.9
UNREMARKABLE = 0.02
"""... of a test that fails as seldom as most do; also what is assumed of a past before there is one"""
REMARKABLE = 0.04
"""from which chance on a test comes before the unremarkable ones"""
PRIOR_RUNS = 1.0
_OF_A_CAUSE = {
    Cause.NEVER_RECORDED: OF_A_NEW_TEST,
    Cause.SOURCE: OF_A_REACHED_TEST,
    Cause.DATA: OF_A_REACHED_TEST,
    Cause.VARIABLE: OF_A_REACHED_TEST,
    Cause.NEW_FILE: OF_A_REACHED_TEST,
}
STEPS = 6
"""how finely chains are ranked: one step is a factor of ten in chance for each second"""


@dataclass(frozen=True, slots=True)
class Past:
    """How often a test ran and failed; `flaky`: it has failed and passed on the same inputs."""

    runs: int = 0
    failures: int = 0
    flaky: bool = False
    failed_last: bool = False

    @property
    def chance(self) -> float:
        """How often it failed, pulled toward the usual where it ran seldom; a flaky test has the usual only."""
        failures = 0 if self.flaky else self.failures
        often = (failures + UNREMARKABLE) / (self.runs + PRIOR_RUNS)
        if not self.failed_last:
            return often
        return either(often, OF_A_NEW_TEST if self.flaky else OF_A_LAST_FAILURE)


def either(*chances: float) -> float:
    """The chance that at least one of several independent things happens."""
    return 1.0 - math.prod(1.0 - chance for chance in chances)


def by_history(past: Mapping[str, Past]) -> dict[str, float]:
    """The chances of tests whose past is remarkable."""
    chances = ((test, each.chance) for test, each in past.items())
    return {test: chance for test, chance in chances if chance >= REMARKABLE}


def by_changes(
    memory: Memory,
    decisions: Mapping[str, Decision],
    changed: frozenset[int],
    before: Mapping[str, float],
) -> dict[str, float]:
    """`before` (the chances by history), and what follows from newness and from the changed blocks of code."""
    found = dict(before)
    for test, decision in decisions.items():
        if isinstance(decision, ToRun) and decision.reason.cause in _OF_A_CAUSE:
            found[test] = either(found.get(test, UNREMARKABLE), _OF_A_CAUSE[decision.reason.cause])
    if not changed:
        return found
    touched = touching(memory, changed)
    sharing = Counter(block for blocks in touched.values() for block in blocks)
    for test, blocks in touched.items():
        if isinstance(decisions.get(test), ToRun):
            chances = (OF_ITS_OWN_CHANGE / math.sqrt(sharing[block]) for block in sorted(blocks))
            found[test] = either(found.get(test, UNREMARKABLE), *chances)
    return found


def touching(memory: Memory, changed: frozenset[int]) -> dict[str, set[int]]:
    """Tests -> the changed blocks that they themselves execute, as far as that is recorded.

    What a process has executed once is not told again, so the tests after it in the same file share it.
    """
    processes: dict[tuple[str, int], list[tuple[int, str]]] = {}
    for test, record in memory.records.items():
        if record.order >= 0 and record.run in memory.snapshots:
            processes.setdefault((record.run, record.process), []).append((record.order, test))
    found: dict[str, set[int]] = {}
    for (run, process), tests in processes.items():
        frames = memory.snapshots[run].processes[process]
        of_file: dict[str, set[int]] = {}
        for order, test in sorted(tests):
            record = memory.records[test]
            blocks = of_file.setdefault(file_of(test), set())
            blocks |= changed.intersection(frames[order].blocks)
            if blocks or record.own:
                found[test] = blocks | changed.intersection(record.own)
    return {test: blocks for test, blocks in found.items() if blocks}


def worth(chances: Iterable[float], seconds: float) -> float:
    """Chance of at least one failure, for each second."""
    return either(*chances) / max(seconds, LEAST_SECONDS)


def rank(chances: Iterable[float], seconds: float, *, finely: bool = False) -> int:
    """The rank of a chain of tests that takes so many seconds: 0 where nothing speaks of a failure, up to `STEPS`.

    Coarse, so that among equals the longest still goes first. `finely`: whatever is more worth goes first, also among
    the unremarkable, because not all will get their turn.
    """
    if finely:
        return round(20 * math.log10(worth(chances, seconds))) + 200
    remarkable = [chance for chance in chances if chance >= REMARKABLE]
    if not remarkable:
        return 0
    return min(STEPS, max(1, round(math.log10(worth(remarkable, seconds))) + 3))
