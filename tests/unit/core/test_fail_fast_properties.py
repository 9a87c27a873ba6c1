"""Each fail-fast mode on random runs, against the same rules said again in other words.

Nothing is started: lanes are simulated and the clock is virtual.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN
from test_framework.model.plan import CategoryPlan, Plan
from tests.unit.core.budget import examples
from tests.unit.core.scenarios import scenario
from tests.unit.core.simulated_shell import Shell

pytestmark = pytest.mark.unit

SEEDS = st.integers(0, 2**32)


def run(seed: int, mode: str, failing: float = 0.0, max_failures: int = 0, **more: object) -> Shell:
    """A calm run (no crash, limit or cancel) of a random plan in a mode; `failing`: share of tests made to fail."""
    plan, world = scenario(seed, size=8, lanes=1 + seed % 3, calm=True, limits=False, cancels=False)
    plan = replace(plan, fail_fast_mode=mode, max_failures=max_failures, **more)  # type: ignore[arg-type]
    for number, test in enumerate(world.fates):
        if (number * 7919 + seed) % 100 < failing * 100:
            world.fates[test].kind = "fail"
    return Shell(plan, world).run()


def decided(shell: Shell) -> Iterator[tuple[int, f.TestFinished]]:
    for index, fact in enumerate(shell.facts):
        if isinstance(fact, f.TestFinished) and fact.outcome not in UNPROVEN:
            yield index, fact


def stops(shell: Shell) -> list[tuple[int, f.CancelRequested]]:
    return [(index, fact) for index, fact in enumerate(shell.facts) if isinstance(fact, f.CancelRequested)]


def categories(plan: Plan) -> dict[str, CategoryPlan]:
    return {category.name: category for layer in plan.layers for category in layer.categories}


def stopped_right_after(shell: Shell, index: int | None) -> None:
    """The run was stopped once, right after that fact; None: not at all."""
    found = [at for at, fact in stops(shell) if fact.scope == "run"]
    assert found == ([] if index is None else [index + 1])


def begins_after(shell: Shell, index: int) -> list[str]:
    return [fact.test for fact in shell.facts[index:] if isinstance(fact, f.TestStarted)]


@examples(0.1)
@given(SEEDS)
def test_disabled_stops_nothing(seed: int) -> None:
    shell = run(seed, "disabled", 0.3)
    assert stops(shell) == []
    statuses = {fact.status for fact in shell.facts if isinstance(fact, f.CategoryFinished)}
    layers = {fact.status for fact in shell.facts if isinstance(fact, f.LayerFinished)}
    assert statuses <= {"passed", "failed", "empty"} | ({"blocked"} if "blocked" in layers else set())


@examples(0.1)
@given(SEEDS)
def test_first_failure_stops_the_run_at_once(seed: int) -> None:
    shell = run(seed, "first_failure", 0.05)
    first = next((index for index, fact in decided(shell) if fact.outcome in BAD), None)
    stopped_right_after(shell, first)
    if first is not None:
        # What runs already is interrupted: nothing begins later than the messages that are on their way.
        assert shell.now <= shell.facts_at[first] + shell.plan.grace_seconds + 1.0
        assert len(begins_after(shell, first)) <= shell.plan.lanes


@examples(0.1)
@given(SEEDS)
def test_critical_failure_stops_the_run_for_a_critical_category_only(seed: int) -> None:
    shell = run(seed, "critical_failure", 0.1)
    known = categories(shell.plan)
    first = next(
        (index for index, fact in decided(shell) if fact.outcome in BAD and known[fact.category].critical),
        None,
    )
    stopped_right_after(shell, first)


def over_threshold(shell: Shell, ignored: frozenset[str]) -> int | None:
    """The fact after which more than 30 % of at least 10 counted tests, or five in a row, were bad."""
    row: list[bool] = []
    for index, fact in decided(shell):
        if fact.test in ignored:
            continue
        row.append(fact.outcome in BAD)
        if row[-1] and (row[-5:] == [True] * 5 or (len(row) >= 10 and sum(row) * 10 > len(row) * 3)):
            return index
    return None


@examples(0.1)
@given(SEEDS, st.sampled_from((0.2, 0.35, 0.6)))
def test_threshold_based_counts_every_test(seed: int, failing: float) -> None:
    shell = run(seed, "threshold_based", failing)
    stopped_right_after(shell, over_threshold(shell, frozenset()))


@examples(0.1)
@given(SEEDS, st.sampled_from((0.2, 0.35, 0.6)))
def test_smart_adaptive_counts_all_but_known_flaky_tests(seed: int, failing: float) -> None:
    shell = run(seed, "smart_adaptive", failing)
    stopped_right_after(shell, over_threshold(shell, shell.plan.flaky))


@examples(0.1)
@given(SEEDS)
def test_smart_adaptive_stops_nothing_where_all_is_known_to_be_flaky(seed: int) -> None:
    plan, _ = scenario(seed, size=8, lanes=1 + seed % 3, calm=True, limits=False, cancels=False)
    every = frozenset(
        test
        for layer in plan.layers
        for category in layer.categories
        for each in category.chains
        for test in each.tests
    )
    assert stops(run(seed, "smart_adaptive", 0.9, flaky=every)) == []


def ended_badly(shell: Shell, mode: str) -> dict[str, bool]:
    """Category -> whether, in the mode's view, what depends on it must not start."""
    known, found = categories(shell.plan), {}
    bad = {fact.category for _, fact in decided(shell) if fact.outcome in BAD}
    owed = {fact.category for fact in shell.facts if isinstance(fact, f.TestOwed)}
    blocked = {
        fact.category
        for fact in shell.facts
        if isinstance(fact, f.CategoryFinished) and fact.status == "blocked"
    }
    for name in known:
        found[name] = name in bad or name in blocked or (mode == "category_failure" and name in owed)
    return found


@examples(0.15)
@given(SEEDS, st.sampled_from(("category_failure", "dependency_aware")))
def test_what_depends_on_a_failed_category_does_not_start_and_all_else_does(seed: int, mode: str) -> None:
    shell = run(seed, mode, 0.05)
    assert stops(shell) == []
    known, badly = categories(shell.plan), ended_badly(shell, mode)
    layers = {fact.layer: fact.status for fact in shell.facts if isinstance(fact, f.LayerFinished)}
    ended: set[str] = set()
    for fact in shell.facts:
        if isinstance(fact, f.CategoryStarted):
            assert not any(badly[need] for need in known[fact.category].depends_on & ended)
        if isinstance(fact, f.CategoryFinished):
            ended.add(fact.category)
            if fact.status == "blocked" and layers.get(fact.layer) != "blocked":
                assert any(badly[need] for need in known[fact.category].depends_on & ended)
                assert any(need in fact.reason for need in known[fact.category].depends_on)


@examples(0.15)
@given(SEEDS)
def test_each_layer_s_strategy_stops_what_it_says_and_nothing_else(seed: int) -> None:
    shell = run(seed, "layers", 0.1)
    plans = {layer.id: layer for layer in shell.plan.layers}
    expected: list[tuple[int, str]] = []
    stopped: set[str] = set()
    for index, fact in decided(shell):
        strategy = plans[fact.layer].fail_fast
        scope = {"immediate": f"layer:{fact.layer}", "category": f"category:{fact.category}"}.get(strategy)
        if fact.outcome in BAD and scope is not None and scope not in stopped:
            stopped.add(scope)
            expected.append((index + 1, scope))
    assert [(index, fact.scope) for index, fact in stops(shell)] == expected
    ended = [fact for fact in shell.facts if isinstance(fact, f.LayerFinished)]
    deciding = [
        place
        for place, fact in enumerate(ended)
        if fact.status == "failed" and plans[fact.layer].fail_fast == "layer"
    ]
    if deciding:
        begun = [
            fact
            for fact in shell.facts[shell.facts.index(ended[deciding[0]]) :]
            if isinstance(fact, f.LayerStarted)
        ]
        assert begun == [], "a layer starts after one that decided the run"


@examples(0.1)
@given(SEEDS, st.integers(1, 4), st.sampled_from(("disabled", "category_failure", "dependency_aware")))
def test_the_number_of_failures_stops_the_run_in_every_mode(seed: int, most: int, mode: str) -> None:
    shell = run(seed, mode, 0.2, max_failures=most)
    bad = [index for index, fact in decided(shell) if fact.outcome in BAD]
    stopped_right_after(shell, bad[most - 1] if len(bad) >= most else None)
