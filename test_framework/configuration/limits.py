"""Limits that can never be reached, because a smaller one around them ends things first: notes, no mistakes.

Rules: a note stands where the project wrote one of the two limits; what shipped defaults alone say is silent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from test_framework.configuration.sense import taking_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from test_framework.configuration.graph import Graph
    from test_framework.configuration.mistakes import Mistake, Path


def limit_notes(graph: Graph) -> list[str]:
    """One line for each limit without effect, and for each allowed variable that takes over a process."""
    found = list(_allowed(graph))
    for environment in (None, *graph.overriding()):
        for layer in graph.mapping.get("layers", {}):
            found += _layer(graph, layer, environment)
    return list(dict.fromkeys(str(mistake) for mistake in sorted(found)))


def _allowed(graph: Graph) -> Iterator[Mistake]:
    for path, variable in taking_over(graph.mapping):
        text = f"{variable} decides what code runs, and tests.allow_variables allows it"
        yield from graph.wrong(path, text, "key")


def _layer(graph: Graph, layer: str, environment: str | None) -> Iterator[Mistake]:
    body = graph.body(layer, environment)
    execution: Mapping[str, Any] = graph.mapping.get("execution_config", {})
    limits: Mapping[str, Any] = body.get("resource_limits", {})
    minutes, seconds = body.get("max_duration_minutes"), math.inf
    duration = graph.origin(layer, "max_duration_minutes", environment)
    if minutes is not None:
        seconds = minutes * 60
        whole = execution.get("global_timeout_minutes")
        yield from _above(graph, (duration, minutes), whole, "execution_config.global_timeout_minutes")
    at = graph.origin(layer, "resource_limits", environment)
    for key, name in (
        ("max_memory_mb", "max_memory_usage_mb"),
        ("max_cpu_percent", "max_cpu_usage_percent"),
        ("max_parallel_instances", "max_global_parallel_tests"),
    ):
        yield from _above(
            graph, ((*at, key), limits.get(key)), execution.get(name), f"execution_config.{name}"
        )
    for index, place in enumerate(body.get("categories", ())):
        category, lanes = place.get("timeout_seconds"), limits.get("max_parallel_instances")
        least = place.get("resource_requirements", {}).get("min_memory_mb")
        of_layer = f"the {seconds:g} seconds that the layer has"
        for inner, outer, what, path in (
            (category, seconds, of_layer, ("timeout_seconds",)),
            (place.get("test_timeout_seconds"), category, "timeout_seconds", ("test_timeout_seconds",)),
            (
                place.get("max_parallel_instances"),
                lanes,
                "the layer's max_parallel_instances",
                ("max_parallel_instances",),
            ),
            (
                least,
                limits.get("max_memory_mb"),
                "the layer's max_memory_mb",
                ("resource_requirements", "min_memory_mb"),
            ),
        ):
            if inner is not None and outer is not None and inner > outer:
                here = (*graph.origin(layer, "categories", environment), index, *path)
                other = duration if inner is category else ()
                yield from _above(graph, (here, inner), outer, what, other)


def _above(
    graph: Graph, inner: tuple[Path, Any], outer: float | None, what: str, other: Path = ()
) -> Iterator[Mistake]:
    """A note where the inner value is above the outer one; `other` is where it stands if the inner is shipped."""
    path, value = inner
    if value is None or outer is None or value <= outer:
        return
    found = list(graph.wrong(path, f"{value:g} is above {what}{_number(what, outer)}, which holds first"))
    if not found and other:
        found = list(graph.wrong(other, f"a category of this layer has {value:g} seconds, more than that"))
    yield from found[:1]


def _number(what: str, outer: float) -> str:
    return "" if "seconds that" in what else f" ({outer:g})"
