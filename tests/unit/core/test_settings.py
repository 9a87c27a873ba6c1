"""Settings follow from their mapping alone: defaults, overrides, order and what the project wrote itself."""

from __future__ import annotations

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.overrides import deep_merged, in_order
from test_framework.core.settings import CategorySettings, ExecutionSettings
from test_framework.core.settings_mapping import settings_from_mapping

MAPPING = {
    "layers": {
        "late": {
            "categories": [{"name": "b", "priority_order": 2}, {"name": "a"}],
            "dependencies": ["early"],
        },
        "early": {
            "name": "Early",
            "categories": [{"name": "c", "timeout_seconds": 5, "max_parallel_instances": 3}],
            "max_duration_minutes": 1.5,
            "llm_requirements": {"mode": "mock", "timeout_seconds": 9},
            "environment_overrides": {
                "production": {"llm_requirements": {"mode": "real"}, "fail_fast": False},
                "dev": {"categories": [{"name": "c"}, {"name": "d"}]},
            },
        },
    },
    "categories": {
        "a": {"parallel_safe": False, "timeout_seconds": 7},
        "c": {"max_parallel_instances": 8, "requires_environment": "production"},
    },
    "execution_config": {
        "fail_fast_strategy": {"early": "immediate"},
        "background_execution": {"enabled": False},
    },
    "modes": {"m": ["late", "early"]},
}


def test_layers_stand_in_order_of_execution_and_categories_in_theirs() -> None:
    settings = settings_from_mapping(MAPPING, "test")
    assert list(settings.layers) == ["early", "late"]
    assert [place.name for place in settings.layers["late"].categories] == ["a", "b"]
    assert settings.modes == {"m": ("late", "early")}


def test_a_category_of_a_layer_falls_back_to_the_catalogue_and_then_to_defaults() -> None:
    layers = settings_from_mapping(MAPPING, "test").layers
    a, b = layers["late"].categories
    (c,) = layers["early"].categories
    assert (a.timeout_seconds, a.max_lanes) == (7, 1)
    assert (b.timeout_seconds, b.max_lanes, b.test_timeout_seconds) == (300, None, None)
    assert (c.timeout_seconds, c.max_lanes) == (5, 3)


def test_overrides_are_laid_on_a_copy_for_their_environment_only() -> None:
    before = copy.deepcopy(MAPPING)
    production = settings_from_mapping(MAPPING, "prod").layers["early"]
    assert before == MAPPING
    assert (production.llm.mode, production.llm.timeout_seconds) == ("real", 9)
    assert production.fail_fast_strategy == "disabled"
    test = settings_from_mapping(MAPPING, "test").layers["early"]
    assert (test.llm.mode, test.fail_fast_strategy) == ("mock", "immediate")
    development = settings_from_mapping(MAPPING, "development")
    assert [place.name for place in development.layers["early"].categories] == ["c", "d"]
    assert "d" in development.categories
    assert "d" not in settings_from_mapping(MAPPING, "test").categories


def test_names_are_canonical_and_durations_are_seconds() -> None:
    settings = settings_from_mapping(MAPPING, "production", notes=["n"], sources=["s"])
    assert (settings.environment, settings.notes, settings.sources) == ("prod", ("n",), ("s",))
    assert settings.categories["c"].requires_environment == ("prod",)
    assert settings.layers["early"].max_duration_seconds == 90.0
    assert settings.layers["late"].max_duration_seconds is None
    assert settings.execution == ExecutionSettings(background_enabled=False, limits_project_written=True)


def test_without_an_origin_everything_is_the_project_s_own() -> None:
    own = settings_from_mapping(MAPPING, "test")
    assert own.layers["early"].project_written
    assert own.layers["early"].limits.project_written
    origin = {"layers": ["late"], "limits": [], "execution": False, "services": []}
    mixed = settings_from_mapping({**MAPPING, "origin": origin}, "test")
    assert [layer.project_written for layer in mixed.layers.values()] == [False, True]
    assert not mixed.layers["late"].limits.project_written
    assert not mixed.execution.limits_project_written


def test_a_json_round_trip_changes_nothing() -> None:
    assert settings_from_mapping(json.loads(json.dumps(MAPPING)), "dev") == settings_from_mapping(
        MAPPING, "dev"
    )


def test_critical_is_a_matter_of_priority() -> None:
    assert CategorySettings(name="x", priority="CRITICAL").critical
    assert not CategorySettings(name="x").critical


def test_merging_goes_into_mappings_and_replaces_lists() -> None:
    base = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert deep_merged(base, {"a": {"c": [2], "e": 3}, "d": {"f": 1}}) == {
        "a": {"b": 1, "c": [2], "e": 3},
        "d": {"f": 1},
    }
    assert base == {"a": {"b": 1, "c": [1]}, "d": 1}


names = st.sampled_from("abcdef")


@given(st.dictionaries(names, st.lists(names, max_size=3)), st.permutations("abcdef"))
def test_every_name_is_ordered_once_and_after_its_needs_unless_they_go_in_a_ring(needs, ranks) -> None:
    rank = {name: ranks.index(name) for name in "abcdef"}
    ordered = in_order(needs, rank)
    assert sorted(ordered) == sorted(needs)
    reach = {name: {need for need in found if need in needs} for name, found in needs.items()}
    for _ in needs:
        reach = {name: found.union(*(reach[need] for need in found)) for name, found in reach.items()}
    if not any(name in found for name, found in reach.items()):
        for name, found in reach.items():
            assert all(ordered.index(need) < ordered.index(name) for need in found)
        free = [name for name in ordered if not reach[name]]
        assert ordered[0] == min(free, key=rank.__getitem__) if free else True
