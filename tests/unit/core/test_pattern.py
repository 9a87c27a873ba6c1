from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.pattern import filter_matcher, text_matcher
from test_framework.model.plan import TestInfo

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("login", "tests/test_auth.py::test_login", True),
        ("LOGIN", "tests/test_auth.py::test_login", True),
        ("logout", "tests/test_auth.py::test_login", False),
        ("test_*_login", "a.py::test_fast_login", True),
        ("test_*_login", "a.py::test_login", False),
        ("*login*", "a.py::test_login", True),
        ("auth*login", "auth.py::test_login", True),
        ("login*auth", "auth.py::test_login", False),
        ("test_?", "a.py::test_1", True),
        ("t?t", "test", False),
        ("te?t", "test", True),
        ("t.st", "test", False),
        ("a[1]", "test_a[1]", True),
        ("a[12]", "test_a[1]", False),
        ("$(touch x); `id`", "test_a", False),
        ("(a+)+$", "aaaa", False),
        ("ab*ab", "ab", False),
        ("ab*ab", "abab", True),
    ],
)
def test_a_pattern_is_a_part_of_the_text_in_which_stars_and_question_marks_stand_for_others(
    pattern: str, text: str, matches: bool
) -> None:
    assert text_matcher(pattern)(text) is matches


@given(st.text("ab?*", max_size=8), st.text("ab", max_size=12))
def test_a_glob_matches_what_the_shell_s_globs_match_anywhere(pattern: str, text: str) -> None:
    assert text_matcher(pattern)(text) is fnmatch.fnmatchcase(text, f"*{pattern}*")


def test_a_hostile_pattern_takes_no_more_time_than_a_kind_one() -> None:
    began = time.process_time()
    assert not text_matcher("a*" * 40 + "b")("a" * 20_000)
    assert time.process_time() - began < 1.0


def info(test: str, *marks: str) -> TestInfo:
    file = test.split("::", maxsplit=1)[0]
    return TestInfo(test, 0, file, 1, chain=file, marks=frozenset(marks))


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("agents", True),
        ("test_flow", True),
        ("test_flow.py", True),
        ("slow", True),
        ("login", True),
        ("TestUser", True),
        ("user", True),
        ("test_user_login", True),
        ("log", False),
        ("agent", False),
        ("admin", False),
        ("agents/*login", True),
        ("*logout*", False),
    ],
)
def test_a_bare_word_of_a_filter_is_a_path_component_a_marker_or_a_word_of_a_name(
    pattern: str, matches: bool
) -> None:
    test = info("tests/agents/test_flow.py::TestUser::test_user_login[admin]", "slow")
    assert filter_matcher([pattern])(test) is matches


def test_one_pattern_of_several_is_enough_and_none_says_nothing() -> None:
    assert filter_matcher(["nothing", "*flow*"])(info("test_flow.py::t"))
    assert not filter_matcher([])(info("test_flow.py::t"))
