"""What a run is going to do: tests with their places, and the limits that hold.

Rules: all seconds are durations (deadlines begin with their scope); every collected test stands in exactly
one chain of the plan or is owed with a reason. Test ids are pytest node ids, made unique.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestInfo:
    """One collected test as the project's pytest described it."""

    __test__ = False

    id: str
    index: int
    """its place in pytest's own order; lanes speak of tests by it"""
    file: str
    """POSIX path relative to the project root"""
    line: int
    """1-based; 0 where unknown"""
    chain: str
    """tests of one chain run in pytest's order, on one lane unless the chain is cut"""
    marks: frozenset[str] = frozenset()
    linked: bool = False
    """must follow directly on the chain's test before it (they share a class- or module-scoped fixture or a
    group)
    """
    exclusive: bool = False
    """runs while nothing else runs (serial)"""


@dataclass(frozen=True, slots=True)
class Chain:
    """Tests that belong together, in pytest's order, with their estimated seconds."""

    key: str
    tests: tuple[str, ...]
    costs: tuple[float, ...]
    links: tuple[bool, ...] = ()
    """links[i] is True when tests[i] must run on the same lane directly after tests[i-1]; empty: no links"""
    exclusive: bool = False
    rank: int = 0
    """chains of a higher rank are begun first, whatever their cost"""
    ends: frozenset[int] = frozenset()
    """places of tests after which their process should end, since nothing that follows in it could be proven"""


@dataclass(frozen=True, slots=True)
class CategoryPlan:
    name: str
    chains: tuple[Chain, ...]
    budget_seconds: float | None = None
    test_timeout_seconds: float | None = None
    max_lanes: int | None = None
    critical: bool = False
    retries: int = 0
    """how often a bad test is run again before its outcome counts"""
    depends_on: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()
    """categories that must not be open at the same time (it is enough that one of the two says so)"""
    alone: bool = False
    """runs beside no other category"""
    urgency: int = 2
    """0 is the most urgent: its place in the order of priorities"""


@dataclass(frozen=True, slots=True)
class LayerPlan:
    id: str
    name: str
    categories: tuple[CategoryPlan, ...]
    mode: str = "sequential"
    """sequential | parallel | hybrid"""
    budget_seconds: float | None = None
    fail_fast: str = "disabled"
    """disabled | immediate | category | layer"""
    depends_on: frozenset[str] = frozenset()
    """layers that have to be over and have gone well enough"""
    after: frozenset[str] = frozenset()
    """layers that have to be over, however they went"""
    conflicts: frozenset[str] = frozenset()
    """layers that must not be open at the same time"""
    priority: int = 3
    """1 is the most urgent"""
    max_lanes: int | None = None
    """how many lanes may run its tests at once, whatever its categories allow"""
    allow_partial_success: bool = False
    min_pass_rate: float = 0.0
    max_failures: int | None = None
    critical_tests_must_pass: bool = False
    proven: int = 0
    """tests of the layer that are not run because they are proven: they count as passed"""


@dataclass(frozen=True, slots=True)
class Plan:
    layers: tuple[LayerPlan, ...]
    lanes: int = 1
    budget_seconds: float | None = None
    max_failures: int = 0
    """stop the run after that many bad tests; 0: never"""
    fail_fast_mode: str = "layers"
    """layers (each layer's own strategy) or one of the run-wide modes"""
    flaky: frozenset[str] = frozenset()
    """tests that are known to fail now and then: smart_adaptive does not count them"""
    max_parallel_layers: int = 1
    layer_delay_seconds: float = 0.0
    """no layer starts sooner after another one's end"""
    conflict_resolution: str = "priority_based"
    """which of several layers or categories goes first: priority_based | first_come_first_serve | round_robin"""
    grace_seconds: float = 5.0
    """how long a lane may take to end after it was told to"""
    shutdown_seconds: float = 60.0
    """how long a lane may take for session fixtures and exit handlers after its last test"""
    birth_seconds: float = 120.0
    """how long a lane may take until it is ready for its first unit (a spawned one has to collect)"""
    fresh_seconds: float | None = None
    """a lane that has run for so long ends with its chain, and another is forked, so that what ran in one process
    concerns few chains, and what tests leave behind in memory does not add up; not so where what it has set up is
    costly, as far as that is recorded. None: lanes live as long as there is work
    """
    renews_lanes: bool = True
    """a lane in which a test is to be retried ends with its chain, so that the retry has another process"""


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a chain handed to one lane."""

    id: int
    layer: str
    category: str
    chain: str
    tests: tuple[str, ...]
    seconds: float = 0.0
