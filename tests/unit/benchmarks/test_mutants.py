"""Planted faults: each is one change, still parses, and is of the kind that it says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.mutants import Mutant, data_mutant, python_mutants, sample

SOURCE = b'''"""Docstring with 1 and True."""
import functools
LIMIT = 3
NAMES = ["a", "b"]


class Box(object):
    """One box."""

    size: int = 10

    @functools.lru_cache
    def holds(self, what, most=5):
        """Whether it holds."""
        if what < most and not self.full:
            self.count = self.count + 1
            raise ValueError(f"{what} of {1}")
        return what in (1, 2)
'''


def of_kind(kind: str) -> list[Mutant]:
    return [mutant for mutant in python_mutants("box.py", SOURCE) if mutant.kind == kind]


def test_every_mutant_parses_and_differs_from_the_original() -> None:
    mutants = python_mutants("box.py", SOURCE)
    assert len(mutants) > 12
    for mutant in mutants:
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(SOURCE)), str(mutant)


@pytest.mark.parametrize(
    ("kind", "was"),
    [
        ("module constant", "3"),
        ("class constant", "10"),
        ("default", "5"),
        ("decorator", "@functools.lru_cache"),
        ("operator", "<"),
        ("operator", "and"),
        ("operator", "in"),
        ("operator", "+"),
        ("operator", "not self.full"),
        ("constant", "2"),
        ("deleted line", "self.count = self.count + 1"),
    ],
)
def test_each_kind_is_planted_where_it_belongs(kind: str, was: str) -> None:
    assert was in [mutant.was for mutant in of_kind(kind)]


def test_docstrings_annotations_and_parts_of_formatted_text_are_left_alone() -> None:
    for mutant in python_mutants("box.py", SOURCE):
        assert b'"""Docstring with 1 and True."""' in mutant.source
        assert b'"""Whether it holds."""' in mutant.source
        assert b"size: int" in mutant.source
        assert b"of {1}" in mutant.source or mutant.kind == "deleted line"


def test_a_file_that_does_not_parse_has_no_mutants() -> None:
    assert python_mutants("broken.py", b"def (:\n") == ()


def test_real_sources_give_many_mutants_that_all_parse() -> None:
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "mutants.py"
    mutants = python_mutants("mutants.py", path.read_bytes())
    assert len(mutants) > 100
    assert {"operator", "constant", "module constant", "deleted line"} <= {each.kind for each in mutants}


def test_a_sample_is_the_same_for_the_same_seed_and_holds_each_kind_in_turn() -> None:
    mutants = {"box.py": python_mutants("box.py", SOURCE), "a.txt": [data_mutant("a.txt", b"one")]}
    chosen = sample(mutants, 7, seed=4)
    assert chosen == sample(mutants, 7, seed=4)
    assert len({mutant.kind for mutant in chosen}) == 7
    assert len(sample(mutants, 10_000, seed=4)) == sum(map(len, mutants.values()))
