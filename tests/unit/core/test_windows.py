"""Deadlines begin with their scope, lie within their parent's, and leave time to stop."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.windows import Window, working_seconds
from tests.unit.core.budget import examples

pytestmark = pytest.mark.unit

seconds = st.floats(0.1, 10_000)


@pytest.mark.parametrize(("budget", "working"), [(120, 108), (600, 540), (20, 15), (10, 5), (4, 2), (40, 35)])
def test_a_tenth_is_kept_at_least_five_seconds_and_at_most_half(budget: float, working: float) -> None:
    assert working_seconds(budget) == pytest.approx(working)


@examples()
@given(seconds, st.none() | seconds, st.none() | seconds, st.floats(0, 1), st.floats(0.1, 60))
def test_an_inner_window_lies_within_its_parent(
    now: float, outer: float | None, inner: float | None, share: float, grace: float
) -> None:
    parent = Window().inner(now, outer)
    later = now + share * (parent.work_until - now if math.isfinite(parent.work_until) else 50.0)
    child = parent.inner(later, inner)
    assert child.opened_at == later
    assert child.work_until <= parent.work_until
    assert child.end <= parent.end
    if inner is not None:
        assert child.end <= later + inner
    if math.isfinite(child.end):
        assert later <= child.work_until < child.end
        rung = child.rung_seconds(grace)
        assert 0 < rung <= grace / 2
        assert child.work_until + 3 * rung <= child.end + 1e-6
    else:
        assert child.rung_seconds(grace) == grace / 2


def test_only_a_test_that_took_more_than_half_of_the_time_used_it_up() -> None:
    window = Window().inner(100.0, 20.0)
    assert window.work_until == 115.0
    assert window.used_up_by(100.0)
    assert window.used_up_by(107.4)
    assert not window.used_up_by(107.6)
    assert not Window().used_up_by(0.0)
