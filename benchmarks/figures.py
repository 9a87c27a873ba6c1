"""The arithmetic of the figures, apart from all measuring.

Rules: pure functions of numbers; a figure that cannot be computed is None and printed as "-", never as
nought.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def median(samples: Sequence[float]) -> float | None:
    """The median of the samples; None without any."""
    return statistics.median(samples) if samples else None


def spread(samples: Sequence[float]) -> float | None:
    """(largest - smallest) / median: how far the samples are apart."""
    middle = median(samples)
    return (max(samples) - min(samples)) / middle if middle else None


def ratio(upper: float | None, lower: float | None) -> float | None:
    """upper / lower; None where either is missing or lower is nought."""
    return upper / lower if upper is not None and lower else None


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """The geometric mean; None as soon as one value is missing, so that a lost row cannot improve it."""
    numbers = list(values)
    if not numbers or any(number is None or number <= 0 for number in numbers):
        return None
    return math.exp(math.fsum(math.log(number) for number in numbers if number) / len(numbers))


def limit(start_and_collection: float | None, longest: float, total: float, processors: int) -> float | None:
    """Seconds no runner that collects once can beat: one start and collection, then perfectly shared tests.

    `total` and `longest` are the sum and the largest of the tests' own seconds in a serial run.
    """
    if start_and_collection is None:
        return None
    return start_and_collection + max(longest, total / processors)


def per_item(whole: float, fixed: float, count: int) -> float:
    """What one of `count` items costs when `fixed` is spent without any."""
    return (whole - fixed) / count


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value * 1000:.0f}"


def times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"
