"""What one environment makes of the mapping, and in which order its names come: plain values in, plain values out.

Rules: the mapping was checked before and is never changed.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from test_framework.core.names import ENVIRONMENT_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def deep_merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` with `over` laid on it: mappings merge key by key, others (lists too) replace."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = deep_merged(old, value)
        merged[key] = value
    return merged


def layer_mapping(mapping: Mapping[str, Any], layer: str, environment: str) -> dict[str, Any]:
    """The layer as written, with the overrides of a (canonical) environment laid on a copy.

    `environments.<env>.layer_overrides.<layer>` comes first, its own `environment_overrides.<env>` last.
    """
    body = dict(mapping["layers"][layer])
    overrides = body.pop("environment_overrides", {})
    for name, section in mapping.get("environments", {}).items():
        if ENVIRONMENT_NAMES[name] == environment:
            body = deep_merged(body, section.get("layer_overrides", {}).get(layer, {}))
    for name, section in overrides.items():
        if ENVIRONMENT_NAMES[name] == environment:
            body = deep_merged(body, section)
    return body


def in_order(needs: Mapping[str, Iterable[str]], rank: Mapping[str, Any]) -> tuple[str, ...]:
    """The names by rank, each after those it needs. Unknown needs are ignored; a cycle comes last."""
    waiting = {name: {need for need in set(found) if need in needs} for name, found in needs.items()}
    followers: dict[str, list[str]] = {name: [] for name in needs}
    for name, found in waiting.items():
        for need in found:
            followers[need].append(name)
    ready = [(rank[name], name) for name, found in waiting.items() if not found]
    heapq.heapify(ready)
    ordered: list[str] = []
    while ready:
        _, name = heapq.heappop(ready)
        ordered.append(name)
        for follower in followers[name]:
            waiting[follower].discard(name)
            if not waiting[follower]:
                heapq.heappush(ready, (rank[follower], follower))
    placed = set(ordered)
    return (*ordered, *sorted((name for name in needs if name not in placed), key=rank.__getitem__))
