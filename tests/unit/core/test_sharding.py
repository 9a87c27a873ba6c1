from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.sharding import Shard, parse_shard, part_of
from test_framework.model.errors import UserError
from test_framework.model.plan import TestInfo


@st.composite
def some_tests(draw: st.DrawFn) -> list[TestInfo]:
    sizes = draw(st.lists(st.integers(1, 30), max_size=12))
    tests: list[TestInfo] = []
    for number, size in enumerate(sizes):
        file = f"tests/test_{number}.py"
        for place in range(size):
            linked = place > 0 and draw(st.booleans())
            tests.append(TestInfo(f"{file}::t{place}", len(tests), file, 1, chain=file, linked=linked))
    return tests


@given(some_tests(), st.integers(1, 9))
def test_the_parts_are_disjoint_and_together_everything_in_order(tests: list[TestInfo], count: int) -> None:
    parts = [part_of(tests, Shard(number, count)) for number in range(1, count + 1)]
    assert sorted(test.index for part in parts for test in part) == [test.index for test in tests]
    assert all([test.index for test in part] == sorted(test.index for test in part) for part in parts)


@given(some_tests(), st.integers(1, 9))
def test_linked_tests_stay_together_and_only_large_chains_are_cut(tests: list[TestInfo], count: int) -> None:
    most = -(-len(tests) // count)
    for number in range(1, count + 1):
        mine = {test.id for test in part_of(tests, Shard(number, count))}
        for before, test in itertools.pairwise(tests):
            same = before.chain == test.chain
            if same and test.linked:
                assert (before.id in mine) == (test.id in mine)
            if same and sum(1 for each in tests if each.chain == test.chain) <= most:
                assert (before.id in mine) == (test.id in mine)


@given(some_tests(), st.integers(2, 5), st.integers())
def test_the_order_of_collection_and_what_was_remembered_do_not_matter(
    tests: list[TestInfo], count: int, seed: int
) -> None:
    chains = list(dict.fromkeys(test.chain for test in tests))
    random.Random(seed).shuffle(chains)
    shuffled = [test for chain in chains for test in tests if test.chain == chain]
    for number in range(1, count + 1):
        shard = Shard(number, count)
        assert {test.id for test in part_of(tests, shard)} == {test.id for test in part_of(shuffled, shard)}


def test_parts_have_about_as_many_tests() -> None:
    tests = [
        TestInfo(f"t{file}::t{place}", file * 10 + place, f"t{file}", 1, chain=f"t{file}")
        for file in range(20)
        for place in range(1 + file % 10)
    ]
    sizes = [len(part_of(tests, Shard(number, 4))) for number in range(1, 5)]
    assert max(sizes) - min(sizes) <= 2
    whole = [TestInfo(f"one::t{place}", place, "one", 1, chain="one") for place in range(100)]
    assert [len(part_of(whole, Shard(number, 4))) for number in range(1, 5)] == [25] * 4


def test_a_part_is_written_as_one_of_several() -> None:
    assert parse_shard("2/4") == Shard(2, 4)
    assert str(Shard(2, 4)) == "2/4"


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/", "/4", "a/b", "-1/4", "1/0", "1/4/2", "", "²/4"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--shard"):
        parse_shard(text)
