from __future__ import annotations

from argparse import Namespace
from enum import Enum
from pathlib import Path

import pytest

from test_framework.cli.arguments import parse
from test_framework.model.errors import UserError
from test_framework.orchestration.options import RunOptions, mode_name
from test_framework.orchestration.preparation import make_wish, options_for_pytest


class OrchestrationMode(Enum):
    CUSTOM_MODE = "custom_mode"
    LEGACY = "legacy"


def test_the_defaults_are_the_command_s_own() -> None:
    parsed, _ = parse([])
    assert RunOptions().told(parsed) == RunOptions()


def test_a_namespace_a_mapping_and_options_say_the_same() -> None:
    argv = ["--categories", "unit", "api", "-n", "3", "--maxfail", "2", "--test-timeout", "9", "-k", "name"]
    parsed, _ = parse(argv)
    mapping = {"categories": ["unit", "api"], "lanes": 3, "maxfail": 2, "test_timeout": 9, "keyword": "name"}
    told = RunOptions().told(mapping)
    assert told == RunOptions().told(parsed) == RunOptions().told(told)
    assert (told.categories, told.lanes, told.test_timeout) == (("unit", "api"), "3", 9.0)


def test_what_is_said_later_is_laid_on_what_was_said_before_and_none_changes_nothing() -> None:
    first = RunOptions().told({"verbose": True, "project_root": Path("/here"), "env": "dev"})
    second = first.told({"env": "staging", "verbose": None})
    assert (second.verbose, second.project_root, second.env) == (True, "/here", "staging")


def test_an_unknown_key_of_a_mapping_is_a_mistake_and_the_nearest_is_named() -> None:
    with pytest.raises(UserError, match="unknown execution argument 'categroies'; did you mean categories"):
        RunOptions().told({"categroies": ["unit"]})


def test_what_else_a_parser_put_into_its_namespace_is_the_parser_s_affair() -> None:
    assert RunOptions().told(Namespace(category="unit", anything=3)).named_categories == ("unit",)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("categories", 3, "a list of words"),
        ("layers", [1], "a list of words"),
        ("verbose", "yes", "True or False"),
        ("maxfail", True, "a positive number"),
        ("maxfail", -1, "a positive number"),
        ("test_timeout", 0, "a positive number"),
        ("grace", "5", "a positive number"),
        ("lanes", 0, "a number from 1 to 256"),
        ("lanes", "many", "a number from 1 to 256"),
        ("keyword", 3, "text"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_what_is_right(
    name: str, value: object, right: str
) -> None:
    with pytest.raises(UserError) as caught:
        RunOptions().told({name: value})
    assert name in caught.value.what
    assert right in caught.value.hint


@pytest.mark.parametrize(
    "arguments",
    [
        {"execution_mode": "nightly", "categories": ["unit"]},
        {"layers": ["fast_feedback"], "category": "unit"},
        {"execution_mode": "nightly", "layers": ["fast_feedback"]},
    ],
    ids=lambda arguments: "+".join(arguments),
)
def test_two_choices_of_what_runs_contradict_each_other(arguments: dict[str, object]) -> None:
    with pytest.raises(UserError, match="contradict"):
        RunOptions().told(arguments)


def test_any_enum_member_or_string_is_a_mode_and_legacy_is_none() -> None:
    assert mode_name(OrchestrationMode.CUSTOM_MODE) == "custom_mode"
    assert mode_name("nightly") == "nightly"
    assert mode_name(OrchestrationMode.LEGACY) is mode_name("legacy") is mode_name(None) is None
    assert (
        RunOptions().told({"execution_mode": OrchestrationMode.CUSTOM_MODE}).execution_mode == "custom_mode"
    )


def test_options_become_a_wish() -> None:
    told = RunOptions().told({"category": "unit", "exit_first": True, "lanes": 3, "last_failed": True})
    wish = make_wish(told, explicit=False)
    assert (wish.categories, wish.max_failures, wish.lanes, wish.last_failed) == (("unit",), 1, 3, True)
    assert wish.legacy
    assert make_wish(RunOptions(pdb=True), explicit=False).lanes == 1


def test_what_is_pytest_s_own_goes_to_pytest() -> None:
    options = RunOptions(keyword="a or b", markers="slow", tb="short", no_capture=True)
    assert options_for_pytest(options) == ["-k", "a or b", "-m", "slow", "--tb=short", "-s"]
