"""What a plan is expected to take on its lanes, and how far that may be off.

Rules: pure; only tests count, not the starting of lanes. Categories of a sequential layer come one after another, those
of other layers side by side; layers come one after another. A chain that may be cut is as many equal pieces as there
are lanes; what runs alone is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt

from test_framework.core.estimates import Duration, Span, wall_seconds
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan


def expected(layers: Iterable[LayerPlan], lanes: int, variances: Mapping[str, float]) -> Span:
    """Wall time of all layers. `variances`: of the tests' durations, seconds squared, where they are known."""
    spans = [
        _side_by_side(group, _lanes_of(layer, group, lanes), variances)
        for layer in layers
        for group in _groups(layer)
    ]
    seconds = sum(span.expected for span in spans)
    below = sqrt(sum((span.expected - span.low) ** 2 for span in spans))
    above = sqrt(sum((span.high - span.expected) ** 2 for span in spans))
    return Span(max(0.0, seconds - below), seconds, seconds + above)


def _groups(layer: LayerPlan) -> Iterator[Sequence[CategoryPlan]]:
    """Categories that run side by side."""
    alone = [each for each in layer.categories if each.alone or layer.mode == "sequential"]
    together = [each for each in layer.categories if each not in alone]
    yield from ([each] for each in alone)
    if together:
        yield together


def _lanes_of(layer: LayerPlan, group: Sequence[CategoryPlan], lanes: int) -> int:
    most = min(lanes, layer.max_lanes or lanes)
    of_categories = [each.max_lanes or most for each in group]
    return max(1, min(most, sum(of_categories)))


def _side_by_side(group: Sequence[CategoryPlan], lanes: int, variances: Mapping[str, float]) -> Span:
    shared: list[Duration] = []
    alone = Duration()
    for category in group:
        for chain in category.chains:
            whole = _duration(chain, variances)
            if chain.exclusive:
                alone = Duration(alone.seconds + whole.seconds, alone.variance + whole.variance)
            elif any(chain.links) or lanes == 1:
                shared.append(whole)
            else:
                shared += [Duration(whole.seconds / lanes, whole.variance / lanes)] * lanes
    beside, by_itself = wall_seconds(shared, lanes), wall_seconds([alone], 1)
    return Span(
        beside.low + by_itself.low, beside.expected + by_itself.expected, beside.high + by_itself.high
    )


def _duration(chain: Chain, variances: Mapping[str, float]) -> Duration:
    return Duration(sum(chain.costs), sum(variances.get(test, 0.0) for test in chain.tests))
