from __future__ import annotations

import pytest

from test_framework.core.selection import Chosen, Wish, choose, homes, why_not_chosen, with_dependencies
from test_framework.core.settings import CategorySettings, LayerCategory, LayerSettings, Settings
from test_framework.model.errors import UserError


def settings(modes: dict[str, tuple[str, ...]] | None = None, **layers: str) -> Settings:
    needs = {
        "unit": (),
        "database": (),
        "integration": ("unit", "database"),
        "api": ("database",),
        "smoke": (),
    }
    return Settings(
        environment="test",
        categories={name: CategorySettings(name=name, dependencies=each) for name, each in needs.items()},
        layers={
            name: LayerSettings(
                id=name, name=name, categories=(LayerCategory(name=category, timeout_seconds=60),)
            )
            for name, category in (
                layers or {"fast_feedback": "unit", "core_integration": "database"}
            ).items()
        },
        modes=modes or {},
    )


def test_a_legacy_run_pulls_in_what_its_categories_need_each_once_and_first() -> None:
    chosen = choose(Wish(categories=("api", "integration")), settings())
    assert chosen == Chosen(categories=("database", "api", "unit", "integration"))


def test_without_a_wish_the_legacy_categories_run() -> None:
    assert set(choose(Wish(), settings()).categories) == {"unit", "database", "integration", "api", "smoke"}


def test_a_layer_asked_for_alone_runs_alone_and_in_the_settings_order() -> None:
    assert choose(Wish(layers=("core_integration",)), settings()).layers == ("core_integration",)
    both = choose(Wish(layers=("core_integration", "fast_feedback")), settings())
    assert both.layers == ("fast_feedback", "core_integration")


def test_a_mode_takes_the_layers_that_the_project_has() -> None:
    assert choose(Wish(mode="nightly"), settings()).layers == ("fast_feedback", "core_integration")


def test_a_project_may_redefine_a_mode_and_add_one() -> None:
    own = settings(modes={"nightly": ("core_integration",), "mine": ("fast_feedback",)})
    assert choose(Wish(mode="nightly"), own).layers == ("core_integration",)
    assert choose(Wish(mode="mine"), own).layers == ("fast_feedback",)


def test_a_mode_whose_layers_are_all_missing_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UserError, match="fast_feedback has no layer here") as caught:
        choose(Wish(mode="fast_feedback"), settings(own="unit"))
    assert "own" in caught.value.hint


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(categories=("unti",)), "unknown category 'unti'; did you mean unit?"),
        (Wish(layers=("fast_feedbak",)), "did you mean fast_feedback?"),
        (Wish(mode="nightly2"), "did you mean nightly?"),
        (Wish(exclude_env="stagin"), "unknown environment 'stagin'; did you mean staging?"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_the_nearest(wish: Wish, words: str) -> None:
    with pytest.raises(UserError) as caught:
        choose(wish, settings())
    assert words in caught.value.what


FOUR = {
    "fast_feedback": "unit",
    "core_integration": "database",
    "service_integration": "integration",
    "e2e_background": "api",
}


@pytest.mark.parametrize(
    ("mode", "count"),
    [("fast_feedback", 1), ("commit", 2), ("development", 2), ("nightly", 3), ("ci", 3), ("weekend", 4)],
)
def test_the_built_in_modes_take_the_first_layers(mode: str, count: int) -> None:
    assert choose(Wish(mode=mode), settings(**FOUR)).layers == tuple(FOUR)[:count]


def test_all_takes_every_layer_and_every_category_of_none() -> None:
    chosen = choose(Wish(mode="all"), settings())
    assert chosen.layers == ("fast_feedback", "core_integration")
    assert set(chosen.categories) == {"integration", "api", "smoke"}
    assert homes(chosen, settings()) == {
        "unit": "fast_feedback",
        "database": "core_integration",
        **dict.fromkeys(chosen.categories, "unlayered"),
    }


@pytest.mark.parametrize("mode", ["background", "hybrid"])
def test_modes_that_run_in_the_background_are_refused_by_name_even_where_configured(mode: str) -> None:
    with pytest.raises(UserError, match=f"execution mode {mode} runs layers in the background"):
        choose(Wish(mode=mode), settings(modes={mode: ("fast_feedback",)}))


def test_a_category_brings_its_parts_each_once() -> None:
    catalogue = {
        name: CategorySettings(name=name, parent=parent, dependencies=needs)
        for name, parent, needs in (
            ("e2e", None, ()),
            ("journeys", "e2e", ("data",)),
            ("data", None, ()),
            ("checkout", "journeys", ()),
            ("odd", "odd", ()),
        )
    }
    own = Settings(environment="test", categories=catalogue, layers={}, modes={})
    assert with_dependencies(("e2e", "checkout"), own) == ("e2e", "data", "journeys", "checkout")
    assert with_dependencies(("journeys",), own) == ("data", "journeys", "checkout")
    assert with_dependencies(("odd",), own) == ("odd",)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(mode="nightly"), "not chosen by mode nightly"),
        (Wish(layers=("a", "b")), "not chosen by --layers a b"),
        (Wish(categories=("unit",)), "not chosen by --category unit"),
        (Wish(), "not chosen: none of the default categories"),
    ],
)
def test_what_is_not_chosen_says_by_what(wish: Wish, words: str) -> None:
    assert why_not_chosen(wish) == words


def test_a_circle_of_dependencies_ends() -> None:
    catalogue = {
        name: CategorySettings(name=name, dependencies=(other,)) for name, other in (("a", "b"), ("b", "a"))
    }
    looped = Settings(environment="test", categories=catalogue, layers={}, modes={})
    assert with_dependencies(("a",), looped) == ("b", "a")
