"""From collected tests to a plan: every test has a place in it, or is owed with a reason.

Rules: pure; tests of a chain keep pytest's order; costs come from the last run, unknown ones are guessed as the mean
of the known. 100,000 tests are planned in under a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from test_framework.core.costs import Costs
from test_framework.core.estimates import Span
from test_framework.core.expectation import expected
from test_framework.core.layering import SELECTED, Layering, least
from test_framework.core.leaving_out import (
    Gathering,
    leave_out_environment,
    named,
    owe_other_environments,
    resume,
)
from test_framework.core.ordering import ordered
from test_framework.core.selection import (
    DEFAULT_PARALLEL_LAYERS,
    EVERYTHING,
    Chosen,
    Wish,
    choose,
    homes,
    why_not_chosen,
)
from test_framework.core.settings import Settings
from test_framework.core.sharding import part_of
from test_framework.core.splitting import COMPLEXITY_BASED
from test_framework.model.plan import Plan, TestInfo

NO_COMPLEXITY = (
    "--splitting-strategy complexity_based: nothing is recorded of what tests execute, all weigh the same"
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it leaves out."""

    plan: Plan
    owed: tuple[tuple[str, str, str, str], ...] = ()
    """(test, category, layer, reason)"""
    proven: tuple[tuple[str, str, str], ...] = ()
    """(test, category, layer): neither run nor owed"""
    deselected: int = 0
    """left out as if they had not been collected (--lf, --pattern, --exclude-env, --resume-from)"""
    estimate: Span | None = None
    """wall time on the plan's lanes; None when no duration is known"""
    strict_layers: frozenset[str] = frozenset()
    must_run: frozenset[str] = frozenset()
    another_time: Collection[str] = ()
    """the owed tests that the same command may run another time"""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of tests: seconds by id, and those whose last outcome was bad."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    """chains that must not be cut, because their tests depend on their order"""
    flaky: frozenset[str] = frozenset()
    """tests that history says fail now and then"""
    spoiling: Collection[str] = ()
    """tests after which nothing in the same process can be proven"""
    unreached: Collection[str] = ()
    """tests that no change since the commit of `Wish.only_changed` can reach"""
    variances: Mapping[str, float] = field(default_factory=dict)
    """of durations, seconds squared"""
    chances: Mapping[str, float] = field(default_factory=dict)
    """of failing now, for tests of which something speaks for it"""
    complexity: Mapping[str, int] = field(default_factory=dict)
    """functions that tests were seen to execute, where the division of files asks for it"""
    unselected: Mapping[str, str] = field(default_factory=dict)
    """tests that somebody's selector leaves out -> why"""
    notes: tuple[str, ...] = ()
    """what is to be said of the run beside what the plan itself has to say"""
    unserved: Mapping[str, str] = field(default_factory=dict)
    """layers that cannot run, because a service that they need never came -> why"""
    proven: Collection[str] = ()
    """tests that would end as they did when they last ran, so that they need not"""
    uncollected: Sequence[tuple[str, str, str]] = ()
    """(test, category, layer): proven ones in files that were not even collected"""
    left_out: Sequence[tuple[str, str, str, str]] = ()
    """(test, category, layer, reason): those in such files that are owed, whatever happens"""

    def passed(self, test: str) -> bool:
        """Whether it was decided when it last ran, and was not bad."""
        return test in self.seconds and test not in self.failed


def make_plan(
    settings: Settings,
    wish: Wish,
    tests: Sequence[TestInfo],
    place: Callable[[TestInfo], str],
    known: Known,
    maxfail: int = 0,
) -> Planned:
    """Plan a run. `place` names a test's category; `maxfail` is what the project's own options say.

    Raises `UserError` for layers, modes or categories that are not known.
    """
    chosen = choose(wish, settings)
    gathering = _gathered(settings, wish, chosen, tests, place, known)
    first = known.failed if wish.failed_first or wish.last_failed else {}
    costs = Costs(
        known.seconds,
        first,
        known.whole,
        known.spoiling,
        chances=known.chances,
        bad=known.failed,
        strategy=wish.splitting,
        complexity=known.complexity,
    )
    execution = settings.execution
    lanes = least(wish.lanes, execution.max_global_parallel_tests) or 1
    layers, taken = Layering(settings, wish, chosen, gathering, costs, lanes).layers()
    gathering.notes += _without_tests(wish, chosen, settings, gathering.found)
    gathering.notes += _not_verified(chosen, settings)
    if wish.splitting == COMPLEXITY_BASED and not known.complexity:
        gathering.notes.append(NO_COMPLEXITY)
    in_layer = Counter(layer for _, _, layer in gathering.proven)
    layers = tuple(replace(layer, proven=in_layer[layer.id]) for layer in layers)
    reason = why_not_chosen(wish)
    for category in [name for name in gathering.by_category if name not in taken]:
        gathering.owe(category, settings.layer_of(category) or "", reason)
    if chosen.layers or not wish.explicit_paths:
        layers = ordered(layers, settings)
    most_layers = wish.max_parallel_layers or DEFAULT_PARALLEL_LAYERS
    plan = Plan(
        layers=layers,
        lanes=lanes,
        budget_seconds=least(least(wish.run_timeout, wish.time), execution.global_timeout_seconds),
        max_failures=wish.max_failures or maxfail,
        fail_fast_mode=_fail_fast_mode(wish),
        flaky=known.flaky,
        max_parallel_layers=1 if execution.layer_execution_mode == "sequential" else most_layers,
        layer_delay_seconds=execution.inter_layer_delay_seconds,
        conflict_resolution=execution.resource_conflict_resolution,
        grace_seconds=wish.grace_seconds,
        fresh_seconds=wish.window_seconds,
    )
    return Planned(
        plan=plan,
        owed=tuple(gathering.owed),
        proven=tuple(gathering.proven),
        deselected=gathering.deselected,
        estimate=expected(layers, lanes, known.variances) if known.seconds else None,
        strict_layers=frozenset(layer.id for layer in layers if not layer.allow_partial_success),
        must_run=frozenset(
            test
            for layer in layers
            for category in layer.categories
            if category.critical
            for chain in category.chains
            for test in chain.tests
        ),
        another_time=gathering.another_time,
        notes=tuple(gathering.notes),
    )


def _gathered(
    settings: Settings,
    wish: Wish,
    chosen: Chosen,
    tests: Sequence[TestInfo],
    place: Callable[[TestInfo], str],
    known: Known,
) -> Gathering:
    """The tests by category, without those that the wish leaves out."""
    notes: list[str] = [*known.notes]
    remaining = tests
    if wish.shard is not None:
        remaining = part_of(tests, wish.shard)
        notes.append(f"--shard {wish.shard}: {len(remaining)} of {len(tests)} tests")
    if wish.last_failed:
        remembered = [test for test in remaining if test.id in known.failed]
        if remembered:
            remaining = remembered
        else:
            notes.append("--lf: no failed test is remembered here, so all run")
    if known.unreached:
        remaining = [test for test in remaining if test.id not in known.unreached]
        notes.append(f"--only-changed={wish.only_changed}: it reaches {len(remaining)} of {len(tests)} tests")
    if wish.pattern is not None:
        remaining = named(remaining, wish.pattern)
        notes.append(f"--pattern {wish.pattern}: {len(remaining)} of {len(tests)} tests match")
    by_category: dict[str, list[TestInfo]] = {}
    for test in remaining:
        by_category.setdefault(place(test), []).append(test)
    elsewhere = Counter(row[1] for row in (*known.uncollected, *known.left_out))
    found = elsewhere + Counter({name: len(members) for name, members in by_category.items()})
    gathering = Gathering(by_category, found, list(known.left_out), list(known.uncollected), notes=notes)
    gathering.deselected = len(tests) - len(remaining)
    if wish.exclude_env is not None:
        leave_out_environment(gathering, wish.exclude_env, settings)
    if not wish.explicit_paths:
        where = homes(chosen, settings)
        if wish.resume_from is not None:
            resume(gathering, wish.resume_from, where, known.passed)
        owe_other_environments(gathering, where, settings)
    if known.proven or known.unselected:
        where = homes(chosen, settings)
        free = wish.explicit_paths and not chosen.layers
        for name in list(gathering.by_category):
            layer = SELECTED if free else where.get(name) or settings.layer_of(name) or ""
            gathering.take_proven(name, layer, known.proven)
            if wish.explicit_paths or name in where:
                _owe_unselected(gathering, name, layer, known.unselected)
    if known.unserved:
        for name, layer in homes(chosen, settings).items():
            if layer in known.unserved and name in gathering.by_category:
                gathering.owe(name, layer, known.unserved[layer])
    return gathering


def _owe_unselected(gathering: Gathering, name: str, layer: str, unselected: Mapping[str, str]) -> None:
    """Owe what selectors leave out of a category of this run."""
    tests = gathering.by_category.get(name, ())
    for reason in sorted({unselected[test.id] for test in tests if test.id in unselected}):
        gathering.owe(name, layer, reason, _left_out_for(reason, unselected))
    gathering.another_time |= unselected.keys()


def _left_out_for(reason: str, unselected: Mapping[str, str]) -> Callable[[TestInfo], bool]:
    return lambda test: unselected.get(test.id) == reason


def _without_tests(wish: Wish, chosen: Chosen, settings: Settings, there: Mapping[str, int]) -> list[str]:
    """Which of the layers or categories that were asked for have no test at all, and where the tests are."""
    if wish.explicit_paths or not there:
        return []
    asked, what = [name for name in wish.categories if name not in there], "category"
    if chosen.layers and wish.mode != EVERYTHING:
        what = "layer"
        asked = [
            layer
            for layer in chosen.layers
            if not any(place.name in there for place in settings.layers[layer].categories)
        ]
    listed = ", ".join(f"{name} ({count})" for name, count in there.items())
    return [f"no test here belongs to {what} {name}; there are tests of: {listed}" for name in asked]


def _not_verified(chosen: Chosen, settings: Settings) -> list[str]:
    """Which layers of this run depend on others that are not in it."""
    missing = {
        layer: [need for need in settings.layers[layer].dependencies if need not in chosen.layers]
        for layer in chosen.layers
    }
    return [
        f"layer {layer} runs without {', '.join(needs)}, which it depends on: not verified by this run"
        for layer, needs in missing.items()
        if needs
    ]


def _fail_fast_mode(wish: Wish) -> str:
    if wish.fail_fast_mode is not None:
        return wish.fail_fast_mode
    if wish.fast_fail:
        return "first_failure"
    return "category_failure" if wish.legacy else "layers"
