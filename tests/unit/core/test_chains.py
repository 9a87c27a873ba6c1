"""Chains are cut into units, divided and put together again without losing, doubling or parting tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.chains import (
    LARGEST_UNIT_SECONDS,
    MOST_TESTS_A_UNIT,
    SMALLEST_UNIT_SECONDS,
    OpenChain,
    Pool,
)
from test_framework.model.plan import Chain
from tests.unit.core.budget import examples

pytestmark = pytest.mark.unit


def chain(*costs: float, links: tuple[int, ...] = (), key: str = "m", **more: object) -> Chain:
    """`links`: the indices of tests that are linked to the one before."""
    tests = tuple(f"{key}::t{index}" for index in range(len(costs)))
    linked = tuple(index in links for index in range(len(costs))) if links else ()
    return Chain(key=key, tests=tests, costs=costs, links=linked, **more)  # type: ignore[arg-type]


@st.composite
def random_chains(draw: st.DrawFn) -> Chain:
    costs = draw(st.lists(st.sampled_from((0.0, 0.01, 0.06, 0.3, 2.0)), min_size=1, max_size=20))
    links = draw(st.sets(st.integers(1, len(costs) - 1))) if len(costs) > 1 else set()
    return chain(*costs, links=tuple(links))


@pytest.mark.parametrize(
    ("seconds", "end"), [(0.0, 1), (0.5, 1), (1.0, 1), (1.1, 2), (2.0, 2), (2.5, 3), (99.0, 4)]
)
def test_a_unit_reaches_as_far_as_its_seconds(seconds: float, end: int) -> None:
    assert OpenChain.of(chain(1.0, 1.0, 1.0, 1.0)).reach(seconds) == (end, float(end))


def test_a_unit_never_ends_between_linked_tests() -> None:
    opened = OpenChain.of(chain(1.0, 1.0, 1.0, 1.0, links=(1, 2)))
    assert opened.reach(0.5) == (3, 3.0)


def test_a_unit_has_a_limited_number_of_tests_but_for_linked_ones() -> None:
    many = MOST_TESTS_A_UNIT + 50
    assert OpenChain.of(chain(*[0.0] * many)).reach(1.0)[0] == MOST_TESTS_A_UNIT
    linked = chain(*[0.0] * many, links=tuple(range(1, many)))
    assert OpenChain.of(linked).reach(1.0)[0] == many


@pytest.mark.parametrize(
    ("costs", "links", "cut"),
    [
        ((1.0, 1.0, 1.0, 1.0), (), 2),
        ((1.0, 1.0, 1.0, 1.0), (2,), 3),
        ((9.0, 1.0), (), 1),
        ((1.0, 1.0, 1.0, 9.0), (), 3),
        ((5.0, 5.0, 1.0), (1,), 2),
        ((5.0, 5.0), (1,), None),
        ((5.0,), (), None),
        ((0.01, 0.01), (), None),
    ],
)
def test_a_chain_is_divided_near_half_of_its_seconds(
    costs: tuple[float, ...], links: tuple[int, ...], cut: int | None
) -> None:
    found = OpenChain.of(chain(*costs, links=links)).best_cut()
    assert (found[0] if found else None) == cut


@examples()
@given(random_chains())
def test_dividing_keeps_every_test_its_order_and_its_links(whole: Chain) -> None:
    parts = [OpenChain.of(whole)]
    while True:
        rest = parts[-1].split()
        if rest is None:
            break
        assert len(rest) > 0
        assert len(parts[-1]) > 0
        parts.append(rest)
    tests = [test for part in parts for test in whole.tests[part.head : part.tail]]
    assert tests == list(whole.tests)
    assert not any(whole.links and whole.links[part.head] for part in parts[1:])
    for part in parts:
        assert part.seconds == pytest.approx(sum(whole.costs[part.head : part.tail]), abs=1e-9)


@examples(0.25)
@given(st.lists(random_chains(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_tests_that_go_out_and_come_back_are_neither_lost_nor_doubled(
    chains: list[Chain], random: object
) -> None:
    named = tuple(
        Chain(f"m{at}", tuple(f"m{at}::{i}" for i in range(len(each.tests))), each.costs, each.links)
        for at, each in enumerate(chains)
    )
    pool = Pool.of(named)
    everything = sorted(test for each in named for test in each.tests)
    out: dict[int, list[tuple[Chain, int, int]]] = {0: [], 1: [], 2: []}
    for step in range(40):
        lane = random.randrange(3)  # type: ignore[attr-defined]
        if random.random() < 0.2:  # type: ignore[attr-defined]
            for each, start, end in reversed(out[lane]):
                pool.give_back(each, range(start, end))
            out[lane] = []
            pool.release(lane)
            assert not any(opened.holder == lane for opened in pool.begun)
        else:
            claimed = pool.claim(lane, shortest=step % 2 == 0, busy=[0, 1, 2])
            if claimed is not None:
                end, cost = claimed.reach(0.1)
                start = pool.cut(claimed, lane, end, cost)
                out[lane].append((claimed.chain, start, end))
        handed = [
            test for rows in out.values() for each, start, end in rows for test in each.tests[start:end]
        ]
        waiting = [
            test
            for opened in (*pool.fresh, *pool.begun)
            for test in opened.chain.tests[opened.head : opened.tail]
        ]
        assert sorted(handed + waiting) == everything
        left = sum(sum(o.chain.costs[o.head : o.tail]) for o in (*pool.fresh, *pool.begun))
        assert pool.seconds == pytest.approx(left, abs=1e-6)
        assert all(len(opened) for opened in pool.begun)
    handed = [test for rows in out.values() for each, start, end in rows for test in each.tests[start:end]]
    assert sorted(pool.drain() + handed) == everything
    assert not pool


def test_what_comes_back_rejoins_its_chain_and_comes_first() -> None:
    whole = chain(1.0, 1.0, 1.0, 1.0)
    pool = Pool.of((chain(5.0, key="other"), whole))
    claimed = pool.claim(0, shortest=True)
    assert claimed is not None
    assert claimed.chain is whole
    pool.cut(claimed, 0, 2, 2.0)
    pool.release(0)
    pool.give_back(whole, [1])
    again = pool.claim(1)
    assert again is claimed
    assert (again.head, again.tail, again.seconds) == (1, 4, 3.0)


def test_the_longest_fresh_chain_comes_first_and_a_higher_rank_before_it() -> None:
    pool = Pool.of((chain(3.0, key="a"), chain(1.0, key="b"), chain(2.0, key="c", rank=1)))
    assert [each.chain.key for each in pool.fresh] == ["b", "a", "c"]
    first = pool.claim(0, shortest=True)
    assert first is not None
    assert first.chain.key == "c", "a failed test comes before a short one"


def test_only_a_busy_lane_loses_part_of_its_chain() -> None:
    pool = Pool.of((chain(1.0, 1.0, 1.0),))
    held = pool.claim(0)
    assert held is not None
    pool.cut(held, 0, 1, 1.0)
    assert pool.claim(1, busy=()) is None
    rest = pool.claim(1, busy=[0])
    assert rest is not None
    assert rest is not held
    assert (held.head, held.tail, rest.head, rest.tail) == (1, 2, 2, 3)


def test_a_single_long_test_is_taken_over_from_a_busy_lane() -> None:
    pool = Pool.of((chain(1.0, 1.0),))
    held = pool.claim(0)
    assert held is not None
    pool.cut(held, 0, 1, 1.0)
    assert pool.claim(1, busy=[0]) is held


def test_scraps_stay_with_their_lane() -> None:
    pool = Pool.of((chain(1.0, 0.01, 0.01),))
    held = pool.claim(0)
    assert held is not None
    pool.cut(held, 0, 1, 1.0)
    assert pool.claim(1, busy=[0]) is None


def test_exclusive_chains_wait_until_nothing_shared_is_left() -> None:
    pool = Pool.of(
        (chain(1.0, key="a", exclusive=True), chain(1.0, key="b"), chain(9.0, key="c", exclusive=True))
    )
    assert pool.claim_exclusive() is None
    shared = pool.claim(0)
    assert shared is not None
    pool.cut(shared, 0, 1, 1.0)
    first = pool.claim_exclusive()
    assert first is not None
    assert first.chain.key == "a", "exclusive chains keep pytest's order"
    pool.cut(first, 0, 1, 1.0)
    assert pool.drain() == ["c::t0"]


@pytest.mark.parametrize(
    ("chains", "most", "offers"),
    [
        ((chain(1.0), chain(1.0, key="b")), 4, 2),
        ((chain(1.0, 1.0, 1.0), chain(1.0, key="b")), 9, 4),
        ((chain(1.0, 1.0, 1.0), chain(1.0, key="b")), 3, 3),
        ((chain(0.01), chain(0.01, key="b")), 4, 2),
        ((chain(0.01, 0.01),), 4, 1),
        ((chain(1.0, 1.0, links=(1,)),), 4, 1),
        ((chain(1.0, exclusive=True), chain(1.0, key="b", exclusive=True)), 4, 1),
        ((), 4, 0),
    ],
)
def test_a_pool_offers_what_lanes_could_take(chains: tuple[Chain, ...], most: int, offers: int) -> None:
    assert Pool.of(chains).offers(most) == offers


def test_the_constants_fit_each_other() -> None:
    assert 0 < SMALLEST_UNIT_SECONDS < LARGEST_UNIT_SECONDS
