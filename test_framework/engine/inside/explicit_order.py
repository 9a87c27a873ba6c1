"""Suites that say in which order their tests depend on each other: such files run in pytest's order in one lane.

Rules: only what the project states counts (marks of a plug-in that is loaded); a file with one such mark is kept whole,
since the tests that the mark points at bear none. A second look would not do: many such tests are skipped, not failed,
when what they depend on ran elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

INCREMENTAL = "incremental"
"""the mark of the recipe in pytest's documentation: after a failure the rest of the class is expected to fail"""
WIDE = frozenset({"session", "package"})


def explicit_chains(session: Any) -> dict[str, str]:
    """File, as node ids begin -> the chain that all of its tests belong to."""
    chains: dict[str, str] = {}
    manager = session.config.pluginmanager
    if manager.hasplugin("pytest_order") or manager.hasplugin("pytest_ordering"):
        chains |= dict.fromkeys(_files(session, "order", "run"), "group:order")
    if manager.hasplugin("dependency"):
        files = dict.fromkeys(_files(session, "dependency"))
        if _dependencies_are_wide(session):
            chains |= dict.fromkeys(files, "group:dependency")
        else:
            chains |= {file: f"group:dependency:{file}" for file in files if file not in chains}
    return chains


def _files(session: Any, *marks: str) -> Iterator[str]:
    for item in session.items:
        if any(item.get_closest_marker(mark) is not None for mark in marks):
            yield item.nodeid.split("::", 1)[0]


def _dependencies_are_wide(session: Any) -> bool:
    """Whether some test depends on one of another file (pytest-dependency)."""
    return any(
        mark.kwargs.get("scope") in WIDE for item in session.items for mark in item.iter_markers("dependency")
    )
