"""What has the right shape and exists, and still cannot be meant: open quotes, variables that take over a
process, receivers that nobody can reach.

Rules: one mistake per place, in the document that wrote the value.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from test_framework.configuration.graph import Graph
    from test_framework.configuration.mistakes import Mistake, Path

TAKES_OVER = frozenset(
    {
        "BASH_ENV",
        "ENV",
        "LD_AUDIT",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "NODE_OPTIONS",
        "PERL5OPT",
        "PYTEST_ADDOPTS",
        "PYTEST_PLUGINS",
        "PYTHONBREAKPOINT",
        "PYTHONHOME",
        "PYTHONINSPECT",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONUSERBASE",
        "RUBYOPT",
    }
)
"""Variables that make a process load or run code of somebody's choice."""


def check_sense(graph: Graph) -> Iterator[Mistake]:
    """Every mistake of this kind."""
    mapping = graph.mapping
    for section, keys in (
        ("categories", ("command",)),
        ("service_dependencies", ("command", "health_check_command")),
    ):
        for name, body in mapping.get(section, {}).items():
            for key in keys:
                yield from _check_quotes(graph, (section, name, key), body.get(key))
    for path, variable in taking_over(mapping):
        if variable not in mapping.get("tests", {}).get("allow_variables", ()):
            text = f"{variable} decides what code runs; if that is meant, list it in tests.allow_variables"
            yield from graph.wrong(path, text, "key")
    yield from _check_receivers(graph, mapping.get("monitoring", {}))


def taking_over(mapping: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Where the configuration sets a variable of `TAKES_OVER`."""
    for section in ("categories", "service_dependencies"):
        for name, body in mapping.get(section, {}).items():
            for variable in body.get("env", ()):
                if variable in TAKES_OVER:
                    yield (section, name, "env", variable), variable


def _check_quotes(graph: Graph, path: Path, command: Any) -> Iterator[Mistake]:
    if isinstance(command, str):
        try:
            shlex.split(command)
        except ValueError:
            yield from graph.wrong(path, "expected a command whose quotes are closed")


def _check_receivers(graph: Graph, monitoring: Mapping[str, Any]) -> Iterator[Mistake]:
    receivers = monitoring.get("receivers", {})
    for name, body in monitoring.get("alerts", {}).items():
        at = ("monitoring", "alerts", name)
        yield from graph.unknown(
            (*at, "receivers"), body.get("receivers", ()), frozenset(receivers), "receiver"
        )
        yield from graph.unknown((*at, "layers"), body.get("layers", ()), graph.layers, "layer")
    for name, body in receivers.items():
        at = ("monitoring", "receivers", name)
        if body["kind"] == "webhook" and graph.holds((*at, "url")) == graph.holds((*at, "url_variable")):
            yield from graph.wrong(at, "expected exactly one of url and url_variable", "key")
        if body["kind"] == "command":
            yield from _check_quotes(graph, (*at, "command"), body["command"])
        if graph.holds((*at, "user_variable")) != graph.holds((*at, "password_variable")):
            yield from graph.wrong(at, "user_variable and password_variable go together", "key")
