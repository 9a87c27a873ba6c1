from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.expectation import expected
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan

SECONDS = st.floats(0.01, 50)


def chain(key: str, *costs: float, linked: bool = False, exclusive: bool = False) -> Chain:
    tests = tuple(f"{key}::t{number}" for number in range(len(costs)))
    links = (False, *(True,) * (len(costs) - 1)) if linked else ()
    return Chain(key, tests, costs, links, exclusive=exclusive)


def layer(*categories: CategoryPlan, mode: str = "parallel", **more: object) -> LayerPlan:
    return LayerPlan("one", "One", categories, mode=mode, **more)  # type: ignore[arg-type]


def test_chains_share_the_lanes_and_a_linked_one_has_one_lane() -> None:
    free = CategoryPlan("unit", (chain("a", 4, 4), chain("b", 2)))
    assert expected([layer(free)], 2, {}).expected == pytest.approx(5)
    tied = CategoryPlan("unit", (chain("a", 4, 4, linked=True), chain("b", 2)))
    assert expected([layer(tied)], 2, {}).expected == pytest.approx(8)


def test_what_comes_one_after_another_is_added() -> None:
    one, other = CategoryPlan("unit", (chain("a", 4),)), CategoryPlan("api", (chain("b", 2),), max_lanes=1)
    assert expected([layer(one, other, mode="sequential")], 2, {}).expected == pytest.approx(2 + 2)
    assert expected([layer(one, other)], 2, {}).expected == pytest.approx(3)
    assert expected([layer(one), layer(other)], 2, {}).expected == pytest.approx(4)
    serial = CategoryPlan("unit", (chain("a", 4), chain("s", 3, exclusive=True)))
    assert expected([layer(serial)], 2, {}).expected == pytest.approx(5)
    assert expected([layer(one, max_lanes=1)], 2, {}).expected == pytest.approx(4)


@given(st.lists(SECONDS, min_size=1, max_size=20), st.integers(1, 4), st.floats(0, 9))
def test_the_expectation_lies_in_its_span_and_between_the_limits(
    costs: list[float], lanes: int, variance: float
) -> None:
    chains = tuple(chain(f"f{number}", cost) for number, cost in enumerate(costs))
    variances = {each.tests[0]: variance for each in chains}
    span = expected([layer(CategoryPlan("unit", chains))], lanes, variances)
    assert span.low <= span.expected <= span.high
    assert sum(costs) / lanes <= span.expected + 1e-6
    assert span.expected <= sum(costs) + 1e-6
    if not variance:
        assert span.low == pytest.approx(span.high)
    assert expected([], lanes, variances).expected == 0
