"""How the tests of a category are divided between lanes: what a test weighs, and what stays together.

Rules: pure; a division changes no chain's expected time, only where it may be cut; what has to stay together (groups,
steps that build on one another) does so whatever the strategy says.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from test_framework.core.memory import Memory
    from test_framework.model.plan import TestInfo

HYBRID = "hybrid"
"""By expected time; tests that share a fixture of their class or module stay together."""
TIME_BASED = "time_based"
"""By expected time alone: each lane sets up for itself what its tests share."""
COUNT_BASED = "count_based"
"""Tests of a file weigh the same."""
COMPLEXITY_BASED = "complexity_based"
"""A test weighs as much as the code that it was seen to execute has functions."""
DEPENDENCY_AWARE = "dependency_aware"
"""Tests of a file depend on the same code and set-up: files are not divided."""
CATEGORY_BASED = "category_based"
"""A category is not divided: one lane runs it."""
STRATEGIES = (TIME_BASED, COUNT_BASED, CATEGORY_BASED, COMPLEXITY_BASED, DEPENDENCY_AWARE, HYBRID)

STEPS = "incremental"
"""The mark of tests that build on the one before them."""


def weighed(
    strategy: str, tests: Sequence[TestInfo], seconds: tuple[float, ...], complexity: Mapping[str, int]
) -> tuple[float, ...]:
    """What each test of a chain counts for when the chain is divided: seconds, whose sum is that of `seconds`.

    `complexity`: functions that tests execute, where that is known; others count as the mean of these.
    """
    if strategy == COUNT_BASED:
        return (sum(seconds) / len(seconds),) * len(seconds)
    if strategy == COMPLEXITY_BASED:
        known = [complexity[test.id] for test in tests if test.id in complexity]
        mean = sum(known) / len(known) if known else 1.0
        sizes = [1 + complexity.get(test.id, mean) for test in tests]
        share = sum(seconds) / sum(sizes)
        return tuple(size * share for size in sizes)
    return seconds


def links(strategy: str, tests: Sequence[TestInfo]) -> tuple[bool, ...]:
    """Whether each test of a chain has to follow directly on the one before it; empty: none has to."""
    if strategy == DEPENDENCY_AWARE:
        return (True,) * len(tests)
    linked = [test.linked for test in tests]
    if strategy == TIME_BASED and not tests[0].chain.startswith(("group:", "serial:")):
        linked = [test.linked and STEPS in test.marks for test in tests]
    return tuple(linked) if any(linked) else ()


def complexity_of(memory: Memory) -> dict[str, int]:
    """Tests -> how many functions they were seen to execute when they last ran, as far as that is recorded.

    What a process has executed once is not told again, so the tests after it in the same process count less.
    """
    found: dict[str, int] = {}
    for test, record in memory.records.items():
        if record.order < 0 or record.run not in memory.snapshots:
            continue
        frame = memory.snapshots[record.run].processes[record.process][record.order]
        found[test] = len({*frame.blocks, *record.own})
    return found
