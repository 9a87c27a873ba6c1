"""What waits for what in a plan, by the mode of execution and by dependencies and conflicts."""

from __future__ import annotations

from typing import Any

import pytest

from test_framework.core.ordering import ordered
from test_framework.core.settings import CategorySettings, ExecutionSettings, LayerSettings, Settings
from test_framework.model.plan import CategoryPlan, LayerPlan

pytestmark = pytest.mark.unit


def settings(
    layers: dict[str, dict[str, Any]], mode: str = "waterfall", **categories: dict[str, Any]
) -> Settings:
    return Settings(
        environment="test",
        layers={name: LayerSettings(id=name, name=name, **body) for name, body in layers.items()},
        categories={name: CategorySettings(name=name, **body) for name, body in categories.items()},
        modes={},
        execution=ExecutionSettings(layer_execution_mode=mode),
    )


def plans(own: Settings, **categories: str) -> dict[str, LayerPlan]:
    """The ordered layers of settings; `categories`: layer -> names of its categories."""
    layers = [
        LayerPlan(
            name,
            name,
            tuple(CategoryPlan(each, ()) for each in categories.get(name, "").split()),
            depends_on=frozenset(layer.dependencies),
        )
        for name, layer in own.layers.items()
    ]
    extra = [
        LayerPlan(name, name, tuple(CategoryPlan(each, ()) for each in names.split()))
        for name, names in categories.items()
        if name not in own.layers
    ]
    return {layer.id: layer for layer in ordered([*layers, *extra], own)}


def after(found: dict[str, LayerPlan]) -> dict[str, set[str]]:
    return {name: set(layer.after) for name, layer in found.items()}


ORDERS: dict[str, dict[str, Any]] = {
    "a": {"execution_order": 1},
    "b": {"execution_order": 2},
    "c": {"execution_order": 2},
    "d": {"execution_order": 3, "dependencies": ("b",)},
}


@pytest.mark.parametrize("mode", ["waterfall", "waterfall_with_background"])
def test_a_waterfall_falls_by_steps_of_one_execution_order(mode: str) -> None:
    found = after(plans(settings(ORDERS, mode)))
    assert found == {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"a", "c"}}


def test_sequential_layers_come_one_after_another() -> None:
    assert after(plans(settings(ORDERS, "sequential"))) == {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"c"}}


def test_parallel_layers_wait_for_their_dependencies_only() -> None:
    found = plans(settings(ORDERS, "parallel"))
    assert after(found) == {"a": set(), "b": set(), "c": set(), "d": set()}
    assert found["d"].depends_on == {"b"}


def test_a_dependency_of_a_category_orders_the_layers_too() -> None:
    own = settings({"a": {}, "b": {}}, "parallel", x={}, y={"dependencies": ("x",)})
    assert after(plans(own, a="x", b="y")) == {"a": set(), "b": {"a"}}


def test_a_dependency_on_a_later_layer_is_left_to_the_order_of_layers() -> None:
    own = settings({"a": {}, "b": {}}, "parallel", x={}, y={"dependencies": ("x",)})
    assert after(plans(own, a="y", b="x")) == {"a": set(), "b": set()}


def test_a_dependency_leads_through_categories_that_are_not_in_this_run() -> None:
    own = settings(
        {"a": {}}, unit={}, integration={"dependencies": ("unit",)}, e2e={"dependencies": ("integration",)}
    )
    (unit, e2e) = plans(own, a="unit e2e")["a"].categories
    assert (unit.depends_on, e2e.depends_on) == (set(), {"unit"})


def test_a_circle_of_dependencies_ends() -> None:
    own = settings({"a": {}}, x={"dependencies": ("y",)}, y={"dependencies": ("x",)})
    assert [each.depends_on for each in plans(own, a="x y")["a"].categories] == [{"y"}, {"x"}]
    assert [each.depends_on for each in plans(own, a="x")["a"].categories] == [set()]


def test_conflicts_of_layers_name_layers_and_categories_of_this_run() -> None:
    own = settings(
        {"a": {"conflicts": ("b", "z", "x", "gone")}, "b": {}, "c": {}}, "parallel", x={}, y={}, z={}
    )
    found = plans(own, a="x", b="y", c="z")
    assert found["a"].conflicts == {"b"}
    (x,) = found["a"].categories
    assert x.conflicts == {"z"}, "its own layer's category is no conflict"


def test_a_part_has_the_conflicts_of_what_it_is_a_part_of_and_none_with_it() -> None:
    own = settings(
        {"a": {}},
        e2e={"conflicts": ("performance",)},
        journeys={"parent": "e2e"},
        performance={},
        load={"parent": "performance", "conflicts": ("load", "performance")},
    )
    found = {
        each.name: each.conflicts for each in plans(own, a="e2e journeys performance load")["a"].categories
    }
    assert found["journeys"] == {"performance", "load"}
    assert found["e2e"] == {"performance", "load"}
    assert found["load"] == set()


def test_priorities_come_from_the_settings() -> None:
    own = settings({"a": {"priority": 5}, "b": {"priority": 1}})
    assert {name: layer.priority for name, layer in plans(own).items()} == {"a": 5, "b": 1}


def test_the_layer_of_categories_that_no_layer_holds_comes_last() -> None:
    own = settings(ORDERS, x={})
    assert after(plans(own, unlayered="x"))["unlayered"] == {"a", "b", "c", "d"}
