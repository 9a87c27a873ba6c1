from __future__ import annotations

import pytest

from test_framework.core.selection import Chosen, Wish, choose, with_dependencies
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
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_the_nearest(wish: Wish, words: str) -> None:
    with pytest.raises(UserError) as caught:
        choose(wish, settings())
    assert words in caught.value.what


def test_a_circle_of_dependencies_ends() -> None:
    catalogue = {
        name: CategorySettings(name=name, dependencies=(other,)) for name, other in (("a", "b"), ("b", "a"))
    }
    looped = Settings(environment="test", categories=catalogue, layers={}, modes={})
    assert with_dependencies(("a",), looped) == ("b", "a")
