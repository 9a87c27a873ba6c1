from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.sinks.human import cells, clock, count, duration, fit, fit_start, lines, one_line

anything = st.text(st.characters(), max_size=60)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.00 s"),
        (0.004, "0.00 s"),
        (0.04, "0.04 s"),
        (0.4, "0.4 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (72, "1 min 12 s"),
        (119.6, "2 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_humane(seconds, words):
    assert duration(seconds) == words


def test_a_clock_shows_whole_seconds():
    assert [clock(each) for each in (0.2, 9.7, 120)] == ["0 s", "10 s", "2 min"]


def test_one_test_is_no_tests():
    assert [count(each, "test") for each in (0, 1, 2)] == ["0 tests", "1 test", "2 tests"]


def test_escape_sequences_are_shown_and_not_sent():
    assert one_line("a\x1b[31mb\x9bc\x07") == r"a\x1b[31mb\x9bc\x07"


def test_a_name_stays_on_its_line():
    assert one_line("a\nb\tc\rd") == r"a\nb\tc\rd"


def test_text_keeps_its_lines_and_tabs_and_shows_lone_carriage_returns():
    assert lines("a\r\nb\tc\rd\n") == ["a", "b\tc\\rd"]


def test_lone_surrogates_and_changes_of_direction_are_shown():
    assert one_line("\ud800 \u202e \u2066 \u2028") == r"\ud800 \u202e \u2066 \u2028"


@given(anything)
def test_no_text_keeps_a_control_character(text):
    shown = one_line(text) + "".join(line.replace("\t", "") for line in lines(text))
    assert not [each for each in shown if ord(each) < 32 or 0x7F <= ord(each) < 0xA0]
    shown.encode()


@given(anything, st.integers(1, 40))
def test_what_is_fitted_fits(text, width):
    assert cells(fit(one_line(text), width)) <= max(width, 0)
    assert cells(fit_start(one_line(text), width)) <= width


def test_fitting_keeps_both_ends_of_a_name():
    assert fit("tests/test_one.py::test_the_last_thing", 20) == "tests...e_last_thing"


def test_wide_characters_take_two_columns():
    assert cells("\u4f60\u597d") == 4
    assert fit_start("\u4f60\u597d\u4f60\u597d", 5, "") == "\u4f60\u597d"
