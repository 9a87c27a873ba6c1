from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.estimates import Span
from test_framework.core.planning import Known, Planned, make_plan
from test_framework.core.selection import Wish
from test_framework.core.settings import (
    CategorySettings,
    ExecutionSettings,
    LayerCategory,
    LayerSettings,
    ResourceLimits,
    Settings,
)
from test_framework.model.plan import TestInfo

CATEGORIES = ("unit", "api", "smoke", "odd")


def settings(**execution: Any) -> Settings:
    catalogue = {
        "unit": CategorySettings(name="unit", timeout_seconds=300),
        "api": CategorySettings(name="api", parallel_safe=False, timeout_seconds=200, dependencies=("unit",)),
        "smoke": CategorySettings(name="smoke", priority="CRITICAL", max_parallel_instances=4),
        "odd": CategorySettings(name="odd"),
    }
    layers = {
        "one": LayerSettings(
            id="one", name="One", max_duration_seconds=120, fail_fast_strategy="layer", allow_partial_success=True,
            categories=(
                LayerCategory(name="smoke", timeout_seconds=60, max_lanes=2),
                LayerCategory(name="unit", timeout_seconds=90, test_timeout_seconds=5),
            ),
        ),
        "two": LayerSettings(
            id="two", name="Two", dependencies=("one",),
            categories=(LayerCategory(name="api", timeout_seconds=100),),
        ),
    }  # fmt: skip
    return Settings(
        environment="test",
        layers=layers,
        categories=catalogue,
        modes={},
        execution=ExecutionSettings(**execution),
    )


def collected(*names: str) -> list[TestInfo]:
    """`api/f::t` is test t of file f in category api."""
    return [
        TestInfo(name, index, name.split("::")[0], 1, chain=name.split("::")[0])
        for index, name in enumerate(names)
    ]


def category(test: TestInfo) -> str:
    return test.id.split("/")[0]


def planned(
    wish: Wish, *names: str, known: Known | None = None, maxfail: int = 0, **execution: Any
) -> Planned:
    return make_plan(settings(**execution), wish, collected(*names), category, known or Known(), maxfail)


def placed(plan: Planned) -> dict[str, list[str]]:
    return {
        each.name: [test for chain in each.chains for test in chain.tests]
        for layer in plan.plan.layers
        for each in layer.categories
    }


WISHES = st.builds(
    Wish,
    mode=st.sampled_from([None, None, "all"]),
    layers=st.sampled_from([(), ("one",), ("two",), ("one", "two")]),
    categories=st.sampled_from([(), ("unit",), ("api",), ("odd", "smoke")]),
    explicit_paths=st.booleans(),
    pattern=st.sampled_from([None, None, "a*1", "t3"]),
    exclude_env=st.sampled_from([None, None, "staging"]),
    parallel=st.booleans(),
    last_failed=st.booleans(),
    failed_first=st.booleans(),
    lanes=st.integers(1, 4),
)
NAMES = st.lists(
    st.builds("{}/f{}::t{}".format, st.sampled_from(CATEGORIES), st.integers(0, 2), st.integers(0, 5)),
    unique=True,
)


@given(WISHES, NAMES, st.sets(st.integers(0, 40)))
def test_every_test_has_one_place_or_is_owed_or_deselected(
    wish: Wish, names: list[str], bad: set[int]
) -> None:
    known = Known(failed={name: "failed" for index, name in enumerate(names) if index in bad})
    plan = planned(wish, *names, known=known)
    there = [test for tests in placed(plan).values() for test in tests]
    owed = [row[0] for row in plan.owed]
    assert len(there) == len(set(there))
    assert not set(there) & set(owed)
    assert len(there) + len(owed) + plan.deselected == len(names)
    if wish.explicit_paths:
        assert owed == []
    assert all(reason for *_, reason in plan.owed)
    if wish.mode == "all":
        assert not [reason for *_, reason in plan.owed if reason.startswith("not chosen")]
    if not (wish.last_failed and known.failed) and wish.pattern is None:
        assert set(there) | set(owed) == set(names)


def test_all_runs_what_no_layer_holds_in_a_layer_of_its_own_at_the_end() -> None:
    plan = planned(Wish(mode="all"), "unit/a::1", "odd/b::1", "api/c::1")
    assert [layer.id for layer in plan.plan.layers] == ["one", "two", "unlayered"]
    assert [each.name for each in plan.plan.layers[-1].categories] == ["odd"]
    assert plan.owed == ()
    assert [layer.id for layer in planned(Wish(mode="all"), "unit/a::1").plan.layers] == ["one", "two"]


def test_a_legacy_run_goes_category_by_category_or_side_by_side() -> None:
    one, side = (
        planned(Wish(parallel=parallel), "unit/a::1", "api/c::1").plan.layers[0] for parallel in (False, True)
    )
    assert (one.mode, side.mode) == ("sequential", "hybrid")
    api = next(each for each in side.categories if each.name == "api")
    assert (api.depends_on, api.alone, api.max_lanes) == ({"unit"}, True, 1)


def test_the_execution_settings_reach_the_plan() -> None:
    plan = planned(
        Wish(layers=("one",), lanes=8),
        "unit/a::1",
        max_global_parallel_tests=3,
        inter_layer_delay_seconds=2.5,
        resource_conflict_resolution="round_robin",
        layer_execution_mode="parallel",
        known=Known(flaky=frozenset({"unit/a::1"})),
    ).plan
    assert (plan.lanes, plan.layer_delay_seconds, plan.conflict_resolution) == (3, 2.5, "round_robin")
    assert (plan.max_parallel_layers, plan.flaky) == (3, {"unit/a::1"})


def test_the_number_of_layers_side_by_side_is_the_user_s_but_for_sequential() -> None:
    wish = Wish(layers=("one",), max_parallel_layers=7)
    assert planned(wish, "unit/a::1").plan.max_parallel_layers == 7
    assert planned(wish, "unit/a::1", layer_execution_mode="sequential").plan.max_parallel_layers == 1


def test_success_criteria_reach_the_plan() -> None:
    one, _ = planned(Wish(layers=("one", "two")), "unit/a::1", "api/b::1").plan.layers
    assert (one.min_pass_rate, one.max_failures, one.critical_tests_must_pass, one.allow_partial_success) == (
        0.95, 5, True, True
    )  # fmt: skip


def test_tests_of_a_chain_keep_pytest_s_order() -> None:
    plan = planned(Wish(explicit_paths=True), "unit/a::3", "unit/b::1", "unit/a::1", "unit/a::2")
    chains = plan.plan.layers[0].categories[0].chains
    assert [chain.tests for chain in chains] == [("unit/a::3", "unit/a::1", "unit/a::2"), ("unit/b::1",)]


def test_what_is_not_chosen_is_owed_by_name_with_its_layer() -> None:
    plan = planned(Wish(layers=("one",)), "unit/a::1", "api/b::1", "odd/c::1")
    assert plan.owed == (
        ("api/b::1", "api", "two", "not chosen by --layers one"),
        ("odd/c::1", "odd", "", "not chosen by --layers one"),
    )


def test_layers_bring_their_limits_and_dependencies_that_run() -> None:
    one, two = planned(Wish(layers=("one", "two")), "unit/a::1", "smoke/a::1", "api/b::1").plan.layers
    assert (one.budget_seconds, one.fail_fast, one.depends_on, two.depends_on) == (
        120,
        "layer",
        set(),
        {"one"},
    )
    smoke, unit = one.categories
    assert (smoke.name, smoke.budget_seconds, smoke.max_lanes, smoke.critical) == ("smoke", 60, 2, True)
    assert (unit.name, unit.budget_seconds, unit.test_timeout_seconds, unit.max_lanes) == (
        "unit",
        90,
        5,
        None,
    )
    assert two.categories[0].max_lanes == 1


def test_a_layer_brings_how_many_lanes_it_may_have() -> None:
    before = settings()
    bound = replace(before.layers["one"], limits=ResourceLimits(max_parallel_instances=3))
    after = replace(before, layers={**before.layers, "one": bound})
    wish = Wish(layers=("one", "two"))
    plan = make_plan(after, wish, collected("unit/a::1", "api/b::1"), category, Known(), 0)
    assert [layer.max_lanes for layer in plan.plan.layers] == [3, None]


def test_a_layer_asked_for_alone_waits_for_nothing_and_says_what_is_not_verified() -> None:
    plan = planned(Wish(layers=("two",)), "api/b::1")
    assert plan.plan.layers[0].depends_on == set()
    assert plan.notes == ("layer two runs without one, which it depends on: not verified by this run",)


def test_the_smaller_of_two_limits_holds() -> None:
    plan = planned(
        Wish(layers=("one",), test_timeout=2, run_timeout=50), "unit/a::1", global_timeout_seconds=40.0
    )
    assert plan.plan.budget_seconds == 40
    assert plan.plan.layers[0].categories[0].test_timeout_seconds == 2


def test_explicit_paths_have_no_budget_but_the_test_s_own() -> None:
    plan = planned(Wish(explicit_paths=True, test_timeout=3), "unit/a::1", "odd/b::1")
    assert [each.budget_seconds for each in plan.plan.layers[0].categories] == [None, None]
    assert [each.test_timeout_seconds for each in plan.plan.layers[0].categories] == [3, 3]


def test_explicit_paths_wait_for_no_dependency_and_are_not_kept_apart() -> None:
    plan = planned(Wish(explicit_paths=True), "unit/a::1", "api/b::1")
    (layer,) = plan.plan.layers
    assert [(each.depends_on, each.conflicts, each.alone) for each in layer.categories] == [
        (set(), set(), False)
    ] * 2


def test_explicit_paths_of_a_layered_run_join_its_last_layer_when_no_layer_holds_them() -> None:
    plan = planned(Wish(layers=("one", "two"), explicit_paths=True), "unit/a::1", "api/b::1", "odd/c::1")
    assert [each.name for each in plan.plan.layers[-1].categories] == ["api", "odd"]


def test_last_failed_takes_only_what_failed_and_all_where_nothing_is_remembered() -> None:
    known = Known(failed={"unit/a::2": "failed", "gone::1": "failed"})
    some = planned(Wish(explicit_paths=True, last_failed=True), "unit/a::1", "unit/a::2", known=known)
    assert (placed(some), some.deselected) == ({"unit": ["unit/a::2"]}, 1)
    every = planned(Wish(explicit_paths=True, last_failed=True), "unit/a::1")
    assert (placed(every), every.deselected) == ({"unit": ["unit/a::1"]}, 0)
    assert "no failed test is remembered" in every.notes[0]


def test_failed_first_ranks_files_with_failures_before_others() -> None:
    known = Known(failed={"unit/b::1": "failed"})
    plan = planned(Wish(explicit_paths=True, failed_first=True), "unit/a::1", "unit/b::1", known=known)
    assert {chain.key: chain.rank for chain in plan.plan.layers[0].categories[0].chains} == {
        "unit/a": 0,
        "unit/b": 1000,
    }


def test_unknown_durations_are_guessed_as_the_mean_of_the_known() -> None:
    plan = planned(
        Wish(explicit_paths=True, lanes=2),
        "unit/a::1",
        "unit/a::2",
        known=Known({"unit/a::1": 4.0, "x": 2.0}),
    )
    assert plan.plan.layers[0].categories[0].chains[0].costs == (4.0, 3.0)
    assert plan.estimate == Span(3.5, 3.5, 3.5)
    assert planned(Wish(explicit_paths=True), "unit/a::1").estimate is None


def test_fail_fast_comes_from_the_flag_else_from_the_kind_of_run() -> None:
    def mode(**wish: Any) -> str:
        return planned(Wish(**wish), "unit/a::1").plan.fail_fast_mode

    assert mode() == "category_failure"
    assert mode(layers=("one",)) == "layers"
    assert mode(fast_fail=True) == "first_failure"
    assert mode(fast_fail=True, fail_fast_mode="disabled") == "disabled"


def test_the_project_s_own_maxfail_holds_unless_the_command_gives_one() -> None:
    assert planned(Wish(), "unit/a::1", maxfail=3).plan.max_failures == 3
    assert planned(Wish(max_failures=1), "unit/a::1", maxfail=3).plan.max_failures == 1


def test_strict_layers_and_critical_tests_are_named_for_the_verdict() -> None:
    plan = planned(Wish(layers=("one", "two")), "smoke/a::1", "unit/a::1", "api/b::1")
    assert plan.strict_layers == {"two"}
    assert plan.must_run == {"smoke/a::1"}


def test_layers_and_categories_that_were_asked_for_and_have_no_test_are_named() -> None:
    note = planned(Wish(layers=("two",)), "unit/a::1", "unit/a::2").notes[0]
    assert note == "no test here belongs to layer two; there are tests of: unit (2)"
    (note,) = planned(Wish(categories=("odd",)), "unit/a::1").notes
    assert note == "no test here belongs to category odd; there are tests of: unit (1)"
    assert planned(Wish(layers=("one",)), "unit/a::1").notes == ()
    assert planned(Wish(layers=("one",))).notes == ()


def test_what_is_proven_neither_runs_nor_is_owed() -> None:
    tests = collected("smoke/a::1", "unit/b::1", "unit/b::2", "api/c::1")
    known = Known(proven={"unit/b::1", "api/c::1"})
    planned = make_plan(settings(), Wish(layers=("one",)), tests, category, known)
    assert planned.proven == (("unit/b::1", "unit", "one"), ("api/c::1", "api", "two"))
    assert planned.owed == ()
    assert planned_tests(planned) == {"smoke/a::1", "unit/b::2"}
    assert [layer.proven for layer in planned.plan.layers] == [1]


def test_a_run_of_paths_and_a_legacy_run_have_their_proven_tests_in_their_one_layer() -> None:
    tests = collected("unit/b::1", "odd/d::1")
    paths = make_plan(settings(), Wish(explicit_paths=True), tests, category, Known(proven={"odd/d::1"}))
    legacy = make_plan(settings(), Wish(categories=("unit",)), tests, category, Known(proven={"unit/b::1"}))
    assert paths.proven == (("odd/d::1", "odd", "selected"),)
    assert legacy.proven == (("unit/b::1", "unit", "legacy"),)
    assert [test for test, *_ in legacy.owed] == ["odd/d::1"]


def test_what_was_not_even_collected_is_accounted_for() -> None:
    tests = collected("unit/b::1")
    known = Known(
        uncollected=[("smoke/a::1", "smoke", "one")], left_out=[("api/c::1", "api", "two", "not chosen")]
    )
    planned = make_plan(settings(), Wish(layers=("one",)), tests, category, known)
    assert planned.proven == (("smoke/a::1", "smoke", "one"),)
    assert planned.owed == (("api/c::1", "api", "two", "not chosen"),)
    assert planned.notes == ()


@given(
    st.lists(st.tuples(st.sampled_from(CATEGORIES), st.booleans()), max_size=30),
    st.sampled_from([Wish(layers=("one",)), Wish(categories=("api",)), Wish(explicit_paths=True)]),
)
def test_every_test_is_planned_proven_or_owed_and_only_one_of_them(
    rows: list[tuple[str, bool]], wish: Wish
) -> None:
    tests = collected(*(f"{name}/f::{index}" for index, (name, _) in enumerate(rows)))
    proven = {test.id for test, (_, is_proven) in zip(tests, rows, strict=True) if is_proven}
    planned = make_plan(settings(), wish, tests, category, Known(proven=proven))
    accounted = [
        *planned_tests(planned),
        *(row[0] for row in planned.proven),
        *(row[0] for row in planned.owed),
    ]
    assert sorted(accounted) == sorted(test.id for test in tests)
    assert {row[0] for row in planned.proven} == proven


def planned_tests(planned: Planned) -> set[str]:
    return {
        test
        for layer in planned.plan.layers
        for each in layer.categories
        for chain in each.chains
        for test in chain.tests
    }


def test_a_process_ends_after_the_last_of_several_tests_that_spoil_it() -> None:
    tests = collected(*(f"unit/b::{number}" for number in range(6)))
    known = Known(spoiling={"unit/b::1", "unit/b::2", "unit/b::5"})
    planned = make_plan(settings(), Wish(explicit_paths=True), tests, category, known)
    [chain] = planned.plan.layers[0].categories[0].chains
    assert chain.ends == {2}, "1 and 5 are followed by what cannot be proven anyway, or by nothing"


def test_files_stay_whole_where_that_is_asked_for() -> None:
    names = [f"unit/a::{number}" for number in range(9)]
    for whole in (False, True):
        wish = Wish(explicit_paths=True, lanes=2, splitting="dependency_aware" if whole else "hybrid")
        found = planned(wish, *names, known=Known(dict.fromkeys(names, 1.0)))
        (chain,) = found.plan.layers[0].categories[0].chains
        assert all(chain.links) is (whole or not chain.links)
        assert bool(chain.links) is whole


def test_a_strategy_says_how_files_are_divided() -> None:
    names = [f"unit/a::{number}" for number in range(4)]
    known = Known(dict(zip(names, (4.0, 2.0, 1.0, 1.0), strict=True)), complexity={names[0]: 1, names[1]: 5})

    def chain_of(strategy: str) -> Any:
        found = planned(Wish(explicit_paths=True, lanes=2, splitting=strategy), *names, known=known)
        (category,) = found.plan.layers[0].categories
        return category.chains[0], category.max_lanes

    assert chain_of("count_based")[0].costs == (2.0,) * 4
    assert chain_of("complexity_based")[0].costs == (1.0, 3.0, 2.0, 2.0)
    assert all(chain_of("dependency_aware")[0].links)
    assert chain_of("category_based")[1] == 1
    assert chain_of("hybrid") == chain_of("time_based")
    assert chain_of("hybrid")[0].costs == (4.0, 2.0, 1.0, 1.0)


def test_complexity_that_nobody_has_recorded_is_told() -> None:
    wish = Wish(explicit_paths=True, splitting="complexity_based")
    assert any("complexity_based" in note for note in planned(wish, "unit/a::1").notes)
    known = Known(complexity={"unit/a::1": 3})
    assert not any("complexity_based" in note for note in planned(wish, "unit/a::1", known=known).notes)


def test_lanes_live_no_longer_than_a_window() -> None:
    assert planned(Wish(explicit_paths=True, window_seconds=60.0), "unit/a::1").plan.fresh_seconds == 60.0
