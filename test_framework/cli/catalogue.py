"""The categories and layers of a project, read from its checked mapping: an answer needs no settings made of it.

Rules: plain values in, lines or JSON values out; dependencies are named in the catalogue's order.
"""

from __future__ import annotations

from test_framework.core.names import DEFAULT_PRIORITY, ENVIRONMENT_NAMES, PRIORITIES
from test_framework.core.overrides import in_order, layer_mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RULE = "=" * 60
_WIDTH = 20


def categories_of(mapping: Mapping[str, Any], environment: str) -> dict[str, dict[str, Any]]:
    """Every category by name: those of the catalogue, and those that only a layer names."""
    found = {name: dict(body) for name, body in mapping.get("categories", {}).items()}
    for layer in mapping["layers"]:
        for place in layer_mapping(mapping, layer, ENVIRONMENT_NAMES[environment]).get("categories", ()):
            found.setdefault(place["name"], {})
    order = list(found)
    for body in found.values():
        body.setdefault("priority", DEFAULT_PRIORITY)
        needs = body.get("dependencies") or ()
        body["dependencies"] = sorted(
            needs, key=lambda name: order.index(name) if name in order else len(order)
        )
    return found


def layers_of(mapping: Mapping[str, Any], environment: str) -> dict[str, dict[str, Any]]:
    """Every layer by id in order of execution, as it is in this environment."""
    bodies = {
        name: layer_mapping(mapping, name, ENVIRONMENT_NAMES[environment]) for name in mapping["layers"]
    }
    rank = {name: (body.get("execution_order", i + 1), i) for i, (name, body) in enumerate(bodies.items())}
    needs = {name: body.get("dependencies") or () for name, body in bodies.items()}
    return {name: bodies[name] for name in in_order(needs, rank)}


def category_lines(categories: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The lines of `--list-categories`; the legacy runner's headings."""
    lines = ["AVAILABLE TEST CATEGORIES", RULE]
    for priority in PRIORITIES:
        members = [(name, body) for name, body in categories.items() if body["priority"] == priority]
        if members:
            lines += ["", f"{priority} Priority:"]
        for name, body in members:
            lines.append(f"  {name:<18} {body.get('description') or ''}".rstrip())
            lines += [f"{'':<{_WIDTH + 1}}{text}" for text in _category_details(body)]
    return [*lines, "", f"Total Categories: {len(categories)}"]


def _category_details(body: Mapping[str, Any]) -> list[str]:
    flags = [
        word
        for word, on in (
            ("serial", body.get("parallel_safe") is False),
            ("real services", body.get("requires_real_services")),
            ("real LLM", body.get("requires_real_llm")),
        )
        if on
    ]
    details = (
        ("needs: ", body["dependencies"]),
        ("conflicts: ", body.get("conflicts") or ()),
        ("", flags),
    )
    return [f"{word}{', '.join(names)}" for word, names in details if names]


def layer_lines(layers: Mapping[str, Mapping[str, Any]], modes: Mapping[str, Any]) -> list[str]:
    """The lines of `--show-layers`: each layer with its limits, then what each mode runs."""
    lines = ["AVAILABLE TEST LAYERS", RULE]
    for name, body in layers.items():
        lines += ["", f"{name}: {body.get('description') or body.get('name') or name}"]
        lines += [f"  {word:<12} {text}" for word, text in _layer_details(body) if text]
    lines += ["", "EXECUTION MODES", RULE]
    lines += [f"{mode:<16} {', '.join(members)}" for mode, members in modes.items()]
    return [*lines, "", f"Total Layers: {len(layers)}"]


def _layer_details(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    minutes = body.get("max_duration_minutes")
    limits = body.get("resource_limits") or {}
    shares = [f"{limits[key]} {unit}" for key, unit in (("max_memory_mb", "MB"), ("max_cpu_percent", "% CPU"))
              if limits.get(key) is not None]  # fmt: skip
    how = str(body.get("execution_mode") or "parallel")
    return [
        ("at most", f"{minutes:g} min" if minutes is not None else ""),
        ("runs", how + (", in the background" if body.get("background_execution") else "")),
        ("categories", ", ".join(place["name"] for place in body.get("categories") or ())),
        ("after", ", ".join(body.get("dependencies") or ())),
        ("services", ", ".join(body.get("required_services") or ())),
        ("limits", ", ".join(shares)),
    ]
