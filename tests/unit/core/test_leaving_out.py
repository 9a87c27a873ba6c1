"""What does not run although it was collected: deselected and counted, or owed with a reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from test_framework.core.leaving_out import environments_of
from test_framework.core.planning import Known, Planned, make_plan
from test_framework.core.selection import Wish
from test_framework.core.settings import (
    CategorySettings,
    LanguageModels,
    LayerCategory,
    LayerSettings,
    Settings,
)
from test_framework.model.errors import UserError
from test_framework.model.plan import TestInfo

pytestmark = pytest.mark.unit

NAMES = ("unit/a.py::t1", "unit/b.py::t2", "api/c.py::t3", "agent/d.py::t4", "far/e.py::t5")


def settings(environment: str = "test", own: bool = True, **place: Any) -> Settings:
    """Layer one holds unit and api, layer two agent; `far` stands in no layer and needs staging."""
    names = ("unit", "api")
    return Settings(
        environment=environment,
        categories={
            "unit": CategorySettings(name="unit"),
            "api": CategorySettings(name="api", dependencies=("unit",)),
            "agent": CategorySettings(name="agent", requires_real_llm=True, dependencies=("api",)),
            "far": CategorySettings(name="far", requires_environment=("staging", "prod")),
        },
        layers={
            "one": LayerSettings(
                id="one",
                name="One",
                project_written=own,
                categories=tuple(
                    LayerCategory(name=name, timeout_seconds=60, **(place if name == "unit" else {}))
                    for name in names
                ),
            ),
            "two": LayerSettings(
                id="two",
                name="Two",
                project_written=own,
                dependencies=("one",),
                llm=LanguageModels(mode="real"),
                categories=(LayerCategory(name="agent", timeout_seconds=60),),
            ),
        },
        modes={},
    )


def plan(
    wish: Wish,
    own: Settings | None = None,
    known: Known | None = None,
    marks: dict[str, set[str]] | None = None,
) -> Planned:
    tests = [
        TestInfo(
            name,
            index,
            name.split("::")[0],
            1,
            chain=name.split("::")[0],
            marks=frozenset((marks or {}).get(name, ())),
        )
        for index, name in enumerate(NAMES)
    ]
    found = make_plan(own or settings(), wish, tests, lambda test: test.id.split("/")[0], known or Known())
    assert len(running(found)) + len(found.owed) + found.deselected == len(NAMES)
    return found


def running(found: Planned) -> list[str]:
    return sorted(
        test
        for layer in found.plan.layers
        for category in layer.categories
        for chain in category.chains
        for test in chain.tests
    )


def owed(found: Planned) -> dict[str, tuple[str, str]]:
    return {test: (layer, reason) for test, _, layer, reason in found.owed}


ALL = Wish(mode="all", real_llm=True)
STAGING = settings("staging")


# -- patterns ---------------------------------------------------------------------------------------------------


def test_a_pattern_deselects_what_it_does_not_match_and_counts_it() -> None:
    found = plan(replace(ALL, pattern="unit/*t1"))
    assert (running(found), found.deselected) == (["unit/a.py::t1"], 4)
    assert found.notes[0] == "--pattern unit/*t1: 1 of 5 tests match"


@pytest.mark.parametrize("pattern", ["", "*", "**"])
def test_a_pattern_that_says_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UserError, match="says nothing"):
        plan(replace(ALL, pattern=pattern))


# -- environments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marks", "environments"),
    [
        ({"staging"}, {"staging"}),
        ({"production"}, {"prod"}),
        ({"env", "env:staging", "env:development"}, {"staging", "dev"}),
        ({"environment", "environment:prod"}, {"prod"}),
        ({"env", "slow"}, set()),
        ({"other:staging", "env:elsewhere"}, set()),
    ],
)
def test_a_test_is_marked_for_the_environments_that_its_marks_name(
    marks: set[str], environments: set[str]
) -> None:
    assert environments_of(frozenset(marks)) == environments


@pytest.mark.parametrize("word", ["prod", "production"])
def test_tests_marked_for_an_excluded_environment_are_deselected_by_mark_and_by_category(word: str) -> None:
    marks = {"unit/a.py::t1": {"env", "env:prod"}, "api/c.py::t3": {"staging"}}
    found = plan(replace(ALL, exclude_env=word), STAGING, marks=marks)
    assert running(found) == ["agent/d.py::t4", "api/c.py::t3", "unit/b.py::t2"]
    assert (found.deselected, found.owed) == (2, ())
    assert found.notes[-1] == f"--exclude-env {word}: 2 tests marked for prod are left out"


def test_tests_whose_category_requires_another_environment_are_owed_with_the_reason() -> None:
    found = plan(ALL)
    assert owed(found) == {
        "far/e.py::t5": (
            "unlayered", "category far requires the environment staging or prod, this is test"
        )
    }  # fmt: skip
    assert found.plan.layers[-1].id in found.strict_layers
    assert "far/e.py::t5" in running(plan(ALL, STAGING))


def test_a_legacy_run_owes_them_too() -> None:
    assert owed(plan(Wish(categories=("far", "unit"))))["far/e.py::t5"][0] == "legacy"


def test_named_paths_run_whatever_their_category_requires() -> None:
    for wish in (Wish(explicit_paths=True), Wish(explicit_paths=True, categories=("far",))):
        found = plan(wish)
        assert (running(found), found.owed) == (sorted(NAMES), ())


# -- resuming ---------------------------------------------------------------------------------------------------

LAST = Known(seconds={"unit/a.py::t1": 1.0, "unit/b.py::t2": 1.0}, failed={"unit/b.py::t2": "failed"})


def test_a_resumed_run_leaves_out_what_passed_before_and_owes_the_rest() -> None:
    found = plan(Wish(categories=("agent",), resume_from="agent"), known=LAST)
    assert running(found) == ["agent/d.py::t4"]
    assert found.deselected == 1
    assert "1 tests before it passed" in found.notes[-1]
    reasons = owed(found)
    assert reasons["unit/b.py::t2"] == (
        "legacy",
        "before --resume-from agent: category unit is not run again, and this did not pass there",
    )
    assert reasons["api/c.py::t3"][0] == "legacy", "never seen means not passed"


def test_what_was_taken_out_is_not_said_to_have_no_tests() -> None:
    found = plan(Wish(categories=("unit", "api"), resume_from="api"), known=LAST)
    assert len(found.notes) == 1
    found = plan(Wish(layers=("two",)))
    assert found.notes == ()


def test_a_resumed_layered_run_begins_within_its_layer() -> None:
    found = plan(Wish(mode="all", real_llm=True, resume_from="api"), known=LAST)
    assert running(found) == ["agent/d.py::t4", "api/c.py::t3"]
    assert owed(found)["unit/b.py::t2"][0] == "one"
    assert [layer.id for layer in found.plan.layers][:2] == ["one", "two"]


def test_a_resumed_run_from_its_first_category_is_the_whole_run() -> None:
    wish = Wish(categories=("api",))
    whole, resumed = plan(wish, known=LAST), plan(replace(wish, resume_from="unit"), known=LAST)
    assert (running(resumed), resumed.deselected, resumed.owed) == (running(whole), 0, whole.owed)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(categories=("unit",), resume_from="agnet"), "did you mean agent"),
        (Wish(categories=("unit",), resume_from="agent"), "category agent is not part of this run"),
        (Wish(explicit_paths=True, resume_from="unit"), "named paths have none"),
    ],
)
def test_a_category_that_cannot_be_resumed_from_is_refused(wish: Wish, words: str) -> None:
    with pytest.raises(UserError) as caught:
        plan(wish)
    assert words in caught.value.what


# -- filters ----------------------------------------------------------------------------------------------------


def test_what_a_project_s_own_filter_drops_is_owed_and_says_by_which() -> None:
    found = plan(ALL, settings(exclude_patterns=("*t1",)))
    assert owed(found)["unit/a.py::t1"] == (
        "", "dropped by the exclude_patterns of category unit of layer one"
    )  # fmt: skip
    found = plan(ALL, settings(include_patterns=("b",)))
    assert owed(found)["unit/a.py::t1"] == (
        "",
        "not among the include_patterns of category unit of layer one",
    )
    assert "unit/b.py::t2" in running(found)


def test_a_filter_that_drops_everything_leaves_nothing_to_run() -> None:
    found = plan(Wish(layers=("one",)), settings(exclude_patterns=("unit",), include_patterns=("b",)))
    assert running(found) == ["api/c.py::t3"]


def test_a_shipped_filter_ranks_and_drops_nothing() -> None:
    found = plan(
        Wish(layers=("one",)), settings(own=False, include_patterns=("b",), exclude_patterns=("*t1",))
    )
    unit = found.plan.layers[0].categories[0]
    assert {chain.key: chain.rank for chain in unit.chains} == {"unit/a.py": -1, "unit/b.py": 1}
    assert not any(test.startswith("unit") for test in owed(found))


# -- language models --------------------------------------------------------------------------------------------


def test_tests_that_require_a_real_model_are_owed_without_the_flag_where_the_project_says_so() -> None:
    found = plan(Wish(layers=("two",)))
    assert owed(found)["agent/d.py::t4"] == (
        "two", "category agent of layer two requires a real language model: give --real-llm"
    )  # fmt: skip
    assert running(plan(Wish(layers=("two",), real_llm=True))) == ["agent/d.py::t4"]


def test_the_shipped_layers_only_note_it() -> None:
    found = plan(Wish(layers=("two",)), settings(own=False))
    assert running(found) == ["agent/d.py::t4"]
    assert any("give --real-llm" in note for note in found.notes)


def test_a_layer_that_mocks_its_models_owes_nothing() -> None:
    own = settings()
    mocking = {**own.layers, "two": replace(own.layers["two"], llm=LanguageModels(mode="mock"))}
    assert running(plan(Wish(layers=("two",)), replace(own, layers=mocking))) == ["agent/d.py::t4"]


def test_a_category_s_place_in_a_layer_may_require_a_real_model_too() -> None:
    own = settings(requirements=("real_llm",))
    real = {**own.layers, "one": replace(own.layers["one"], llm=LanguageModels(mode="hybrid"))}
    found = plan(Wish(layers=("one",)), replace(own, layers=real))
    assert running(found) == ["api/c.py::t3"]
