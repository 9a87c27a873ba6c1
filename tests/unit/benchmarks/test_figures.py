"""The arithmetic of the figures."""

from __future__ import annotations

import math

import pytest

from benchmarks import figures


def test_the_median_of_an_even_number_of_samples_lies_between_the_middle_two() -> None:
    assert figures.median([4.0, 1.0, 2.0, 3.0]) == 2.5


def test_without_samples_there_is_no_median_and_no_spread() -> None:
    assert figures.median([]) is None
    assert figures.spread([]) is None


def test_the_spread_is_the_range_over_the_median() -> None:
    assert figures.spread([1.0, 2.0, 4.0]) == pytest.approx(1.5)


def test_a_ratio_with_a_missing_side_or_nought_below_is_missing() -> None:
    assert figures.ratio(3.0, 1.5) == 2.0
    assert figures.ratio(None, 1.0) is None
    assert figures.ratio(1.0, None) is None
    assert figures.ratio(1.0, 0.0) is None


def test_the_geometric_mean_weighs_twice_as_fast_and_half_as_fast_alike() -> None:
    assert figures.geometric_mean([2.0, 0.5]) == pytest.approx(1.0)
    assert figures.geometric_mean([1.2, 1.5, 2.0]) == pytest.approx((1.2 * 1.5 * 2.0) ** (1 / 3))


def test_a_lost_row_cannot_improve_a_mean() -> None:
    assert figures.geometric_mean([2.0, None]) is None
    assert figures.geometric_mean([2.0, 0.0]) is None
    assert figures.geometric_mean([]) is None


def test_the_limit_is_the_start_and_the_fairest_share_of_all_tests() -> None:
    assert figures.limit(0.5, longest=1.0, total=8.0, processors=2) == pytest.approx(4.5)


def test_one_long_test_alone_can_be_the_limit() -> None:
    assert figures.limit(0.5, longest=6.0, total=8.0, processors=2) == pytest.approx(6.5)


def test_without_a_measured_collection_there_is_no_limit() -> None:
    assert figures.limit(None, longest=1.0, total=8.0, processors=2) is None


def test_what_is_spent_without_items_is_no_items_cost() -> None:
    assert figures.per_item(1.3, 0.3, 1000) == pytest.approx(0.001)


def test_missing_figures_are_shown_as_a_dash_and_never_as_nought() -> None:
    assert [figures.seconds(None), figures.milliseconds(None), figures.times(None)] == ["-", "-", "-"]
    assert [figures.seconds(1.234), figures.milliseconds(0.0456), figures.times(1.5)] == [
        "1.23",
        "46",
        "1.50x",
    ]


def test_formatted_means_are_finite_numbers() -> None:
    value = figures.geometric_mean([1e-9, 1e9])
    assert value is not None
    assert math.isclose(value, 1.0)
