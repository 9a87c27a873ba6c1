"""Plans whose budgets cannot hold all: the likely tests run, the rest is owed by the name of the budget."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.budgets import FILLED
from test_framework.core.planning import Known, Planned, make_plan
from test_framework.core.selection import Wish
from test_framework.core.settings import (
    CategorySettings,
    ExecutionSettings,
    LayerCategory,
    LayerSettings,
    Settings,
)
from test_framework.core.windows import working_seconds
from test_framework.model.plan import TestInfo


def settings(layer_seconds: float | None = 100, unit_seconds: float = 10_000) -> Settings:
    catalogue = {
        "smoke": CategorySettings(name="smoke", priority="CRITICAL"),
        "unit": CategorySettings(name="unit"),
        "serial": CategorySettings(name="serial", parallel_safe=False),
        "api": CategorySettings(name="api"),
    }
    places = (
        LayerCategory(name="smoke", timeout_seconds=10_000),
        LayerCategory(name="unit", timeout_seconds=unit_seconds),
        LayerCategory(name="serial", timeout_seconds=10_000),
    )
    layers = {
        "fast": LayerSettings(id="fast", name="Fast", max_duration_seconds=layer_seconds, categories=places),
        "next": LayerSettings(
            id="next", name="Next", categories=(LayerCategory(name="api", timeout_seconds=10_000),)
        ),
    }
    return Settings(
        environment="test", layers=layers, categories=catalogue, modes={}, execution=ExecutionSettings()
    )


def some(**counts: int) -> list[TestInfo]:
    names = [
        f"{name}/f{number // 10}::t{number}" for name, count in counts.items() for number in range(count)
    ]
    return [
        TestInfo(name, index, name.split("::")[0], 1, chain=name.split("::")[0])
        for index, name in enumerate(names)
    ]


def plan(
    wish: Wish, tests: list[TestInfo], known: Known, layer: float | None = 100, unit: float = 10_000
) -> Planned:
    return make_plan(settings(layer, unit), wish, tests, lambda test: test.id.split("/")[0], known)


def running(planned: Planned) -> set[str]:
    chains = (
        chain for layer in planned.plan.layers for category in layer.categories for chain in category.chains
    )
    return {test for chain in chains for test in chain.tests}


def one_second_each(tests: list[TestInfo], **more: object) -> Known:
    return replace(Known(seconds={test.id: 1.0 for test in tests}), **more)  # type: ignore[arg-type]


FAST = Wish(layers=("fast",))


def test_nothing_is_left_out_that_fits() -> None:
    tests = some(unit=85)
    found = plan(FAST, tests, one_second_each(tests))
    assert (found.owed, len(running(found))) == ((), 85)
    assert len(running(plan(FAST, some(unit=5000), Known()))) == 5000, "nothing is known of their durations"


def test_the_likely_ones_run_and_the_rest_is_owed_for_want_of_time() -> None:
    tests = some(unit=200)
    likely = {test.id: 0.5 for test in tests[150:]}
    found = plan(FAST, tests, one_second_each(tests, chances=likely))
    assert len(running(found)) == 85
    assert likely.keys() <= running(found)
    assert {row[3] for row in found.owed} == {
        "the budget of layer fast (100 s) is given to tests more likely to fail"
    }
    assert set(found.another_time) == {row[0] for row in found.owed}
    ranks = {chain.key: chain.rank for chain in found.plan.layers[0].categories[0].chains}
    likely_files = {f"unit/f{number}" for number in range(15, 20)}
    others = max(rank for file, rank in ranks.items() if file not in likely_files)
    assert min(ranks[file] for file in likely_files) > others


def test_more_lanes_hold_more_but_not_of_a_serial_category() -> None:
    tests = some(unit=200)
    assert len(running(plan(replace(FAST, lanes=2), tests, one_second_each(tests)))) == 171
    tests = some(serial=200)
    assert len(running(plan(replace(FAST, lanes=2), tests, one_second_each(tests)))) == 85


def test_a_serial_test_takes_the_time_of_every_lane() -> None:
    tests = [replace(test, exclusive=True) for test in some(unit=200)]
    assert len(running(plan(replace(FAST, lanes=2), tests, one_second_each(tests)))) == 85


def test_a_layer_has_what_the_layers_before_it_leave_of_the_run_s_time() -> None:
    tests = some(unit=30, api=100)
    found = plan(Wish(layers=("fast", "next"), time=60.0), tests, one_second_each(tests))
    assert len(running(found)) == 51
    assert {test.id for test in tests[:30]} <= running(found)


def test_a_category_has_a_budget_of_its_own() -> None:
    tests = some(unit=80, serial=10)
    found = plan(FAST, tests, one_second_each(tests), unit=50)
    assert len(running(found)) == 42 + 10
    assert {row[3] for row in found.owed} == {
        "the budget of category unit (50 s) is given to tests more likely to fail"
    }


def test_critical_tests_run_whatever_they_take() -> None:
    tests = some(smoke=120, unit=5)
    found = plan(FAST, tests, one_second_each(tests))
    assert running(found) == {test.id for test in tests[:120]}


def test_what_takes_too_long_by_itself_is_named_and_a_failure_is_tried_again() -> None:
    tests = some(unit=2)
    slow = Known(seconds={tests[0].id: 500.0, tests[1].id: 1.0})
    found = plan(FAST, tests, slow)
    assert [row[3] for row in found.owed] == ["takes longer than the budget of layer fast (100 s)"]
    hung = replace(slow, failed={tests[0].id: "timed_out"}, chances={tests[0].id: 0.9})
    assert running(plan(FAST, tests, hung)) == {tests[0].id}


def test_the_time_of_the_run_counts_for_all_layers_and_for_named_tests() -> None:
    tests = some(unit=100)
    known = one_second_each(tests)
    for wish in (replace(FAST, time=60.0), Wish(explicit_paths=True, time=60.0), Wish(time=60.0)):
        found = plan(wish, tests, known, layer=None)
        assert len(running(found)) == 51
        assert {row[3] for row in found.owed} == {
            "the budget of the run (1 min) is given to tests more likely to fail"
        }
        assert found.plan.budget_seconds == 60


@given(
    st.lists(st.sampled_from(["unit", "smoke", "serial"]), min_size=1, max_size=40),
    st.lists(st.floats(0.01, 60), min_size=40, max_size=40),
    st.lists(st.floats(0.02, 1), min_size=40, max_size=40),
    st.floats(10, 200),
    st.integers(1, 4),
)
def test_every_test_runs_or_is_owed_and_the_budget_holds_all_that_need_not(
    names: list[str], seconds: list[float], chances: list[float], budget: float, lanes: int
) -> None:
    tests = [
        TestInfo(f"{name}/f::t{number}", number, "f", 1, chain=f"{name}/f")
        for number, name in enumerate(names)
    ]
    cost = {test.id: seconds[test.index] for test in tests}
    known = Known(seconds=cost, chances={test.id: chances[test.index] for test in tests})
    found = plan(replace(FAST, lanes=lanes), tests, known, layer=budget)
    runs, owed = running(found), {row[0] for row in found.owed}
    assert runs | owed == {test.id for test in tests}
    assert not runs & owed
    assert not any(test.startswith("smoke") for test in owed)
    serial = sum(cost[test] for test in runs if test.startswith("serial"))
    others = sum(cost[test] for test in runs if not test.startswith("serial"))
    critical = sum(cost[test] for test in runs if test.startswith("smoke"))
    if serial + others > critical:
        assert serial + others / lanes <= FILLED * working_seconds(budget) + 1e-6
