"""A sample of random command lines; the whole figure is `python scripts/fuzz_command_line.py`."""

from __future__ import annotations

import pytest

from scripts.fuzz_command_line import command_lines, ending, fuzz
from test_framework.configuration.load import shipped_mapping
from test_framework.core.settings_mapping import settings_from_mapping

SEED = 20_261_125


def test_random_command_lines_end_in_a_choice_a_message_or_an_answer() -> None:
    endings, faults = fuzz(SEED, 300)
    assert faults == []
    assert sum(endings.values()) == 300
    assert min(endings[name] for name in ("chosen", "refused", "answered")) >= 10, "the sample is one-sided"


def test_a_seed_gives_the_same_command_lines_again() -> None:
    assert [*command_lines(7, 50)] == [*command_lines(7, 50)]
    assert [*command_lines(7, 50)] != [*command_lines(8, 50)]


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise IndexError("planted")

    monkeypatch.setattr("test_framework.cli.arguments.refuse_contradictions", broken)
    _, faults = fuzz(SEED, 50)
    assert any("planted" in trace for _, trace in faults)


@pytest.mark.parametrize("words", [[""], [" "], ["\t"], ["-x", ""], ["--list-categories", " "], ["--=", "="]])
def test_words_that_are_nearly_nothing_are_refused(words: list[str]) -> None:
    assert ending(words, settings_from_mapping(shipped_mapping(), "test")) == "refused"
