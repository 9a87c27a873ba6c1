"""Keys that load but have no effect yet, and what they wait for.

Rules: a key leaves this table in the change that gives it its effect; a value that asks for nothing (false,
empty, null) needs no note; one note per file and key, at its first place, with the number of places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from test_framework.configuration.mistakes import Path, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from test_framework.configuration.documents import Document

_BY_CATEGORY = "categories are kept from services that they do not ask for"
_STARTING = "the services of a layer share one limit for their start"
_WEBSOCKET = "a WebSocket server is offered"
_CONTAINERS = "services run in containers"
_TEMPLATES = "databases are made from templates"
_MODELS = "language models are provided to tests"
_RESOURCES = "memory and processor limits are watched"
_BACKGROUND = "background runs wait in a queue"
_RUNNERS = "runners beside pytest are supported"
_WARM = "an interpreter is kept between runs"
_MONITORING = "monitoring and alerts are built"

_SERVED = ("postgresql", "redis", "backend_service", "auth_service", "frontend_service", "real_llm")
_NEEDS: dict[str, Any] = {f"requires_{name}": {} for name in _SERVED}
_PLACE: dict[str, Any] = {
    "resource_requirements": {
        **_NEEDS,
        "requires_real_services": _BY_CATEGORY,
        "requires_websocket_server": _WEBSOCKET,
        "requires_node_runtime": _RUNNERS,
        "requires_frontend_build": _RUNNERS,
        "*": _RESOURCES,
    }
}
_LAYER: dict[str, Any] = {
    "resource_limits": {"max_parallel_instances": {}, "*": _RESOURCES},
    "llm_requirements": {"mode": {}, "*": _MODELS},
    "categories": {"*": _PLACE},
}
INERT: dict[str, Any] = {
    "layers": {"*": {**_LAYER, "environment_overrides": {"*": _LAYER}}},
    "environments": {"*": {"layer_overrides": {"*": _LAYER}}},
    "categories": {
        "*": {
            "requires_real_services": _BY_CATEGORY,
            "memory_intensive": _RESOURCES,
            "cpu_intensive": _RESOURCES,
            "network_intensive": _RESOURCES,
            "database_dependent": _RESOURCES,
            "runner": _RUNNERS,
            "command": _RUNNERS,
            "cwd": _RUNNERS,
            "env": _RUNNERS,
            "inputs": _RUNNERS,
        }
    },
    "execution_config": {
        "layer_startup_timeout_seconds": _STARTING,
        "max_memory_usage_mb": _RESOURCES,
        "max_cpu_usage_percent": _RESOURCES,
        "background_execution": {
            "max_background_layers": _BACKGROUND,
            "monitoring_interval_seconds": _BACKGROUND,
        },
    },
    "service_dependencies": {
        "*": {"build_required": _CONTAINERS, "image": _CONTAINERS, "template": _TEMPLATES}
    },
    "monitoring": _MONITORING,
    "tests": {"warm": _WARM, "roots": _RUNNERS},
}
"""Keys as they nest in a file; `*` stands for any other name or place; a text says until when the key is inert."""

_DEFAULTS: dict[Path, Any] = {("categories", "*", "runner"): "pytest"}
"""Values that ask for what happens anyway."""


def inert_notes(document: Document) -> list[str]:
    """One line for each key of the document without effect: where, which, until when."""
    places: dict[Path, list[Path]] = {}
    reasons: dict[Path, str] = {}
    for pattern, path, reason in _inert(document.data, INERT, (), ()):
        places.setdefault(pattern, []).append(path)
        reasons[pattern] = reason
    notes = []
    for pattern, paths in places.items():
        count = f" ({len(paths)} places)" if len(paths) > 1 else ""
        text = f"inert until {reasons[pattern]}{count}"
        mistake = document.mistake(paths[0], text, "key")
        key = written((*document.prefix, *pattern))
        notes.append(f"{mistake.file}:{mistake.line}:{mistake.column}: {key}: {text}")
    return notes


def _inert(value: Any, rules: Any, pattern: Path, path: Path) -> Iterator[tuple[Path, Path, str]]:
    if isinstance(rules, str):
        if value and value != _DEFAULTS.get(pattern):
            yield pattern, path, rules
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        step = key if key in rules else "*"
        if step in rules:
            yield from _inert(child, rules[step], (*pattern, step), (*path, key))
