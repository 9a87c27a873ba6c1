"""Writes docs/CONFIGURATION.md afresh: every key with its type, its default and what it does.

Rules: types come from the JSON Schema, defaults from the settings' own dataclasses, words from
`configuration/meaning.py`, what has no effect yet from `configuration/inert.py`; a test compares the file.
"""

from __future__ import annotations

import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "CONFIGURATION.md"
sys.path.insert(0, str(REPOSITORY))

HEAD = """\
# Configuration

This page is written by `python scripts/write_configuration_page.py`; a test proves that it is fresh.

Nothing has to be configured. What is configured stands in one or more of these files, all with the same schema
(`apex schema` prints it, for editors); `apex init` writes a first, commented `apex.yaml`; `--validate` checks
everything and starts nothing.

## Which file wins

1. `test_framework/config/test_layers.yaml` (must have `layers`)
2. `test_framework/config/categories.yaml` (must have `categories`)
3. `apex.yaml`
4. `[tool.apex]` in `pyproject.toml`
5. the shipped defaults

Each top-level section is taken from the first file that has it; where a later file has it too, a note says that it
is ignored there. The section is then laid over the shipped one: `categories` and `service_dependencies` key by key
(a service with a `command` of its own depends only on what it says itself), `modes` mode by mode. A layer without
`categories` changes the shipped layer of its id; as soon as one layer has `categories`, the layers of that file are
all there are, and the shipped `execution_config` goes too.

A layer's values in one environment: the layer, then `environments.<env>.layer_overrides.<layer>`, then the layer's
own `environment_overrides.<env>`. Mappings merge key by key, lists and single values are replaced.

A category that a layer names and no catalogue knows is thereby defined: its tests are those with a marker of its
name, or in a directory of its name.

## Mistakes, notes and old keys

All mistakes of all files are reported at once, each as `file:line:column: path: what is wrong, what would be right`,
with exit code 4. A note is no mistake: a key without effect yet, a limit that another one makes unreachable, a key of
the legacy runner that nothing uses. YAML is read as version 1.2 (`yes` and `on` are text, `true` is true), without
tags or duplicate keys, at most 1 MiB and 20 levels.

The keys of the legacy runner that load without effect:

"""
TABLE = "| key | type | default | what it does |\n|---|---|---|---|\n"


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The text that the file should hold."""
    from test_framework.configuration.legacy import LEGACY
    from test_framework.configuration.schema import json_schema
    from test_framework.core.alerts import METRICS

    schema = json_schema()
    lines = [HEAD]
    lines += [f"- `{_dotted(path)}`: {reason}\n" for path, reason in LEGACY.items()]
    lines += ["\n## Every key\n", "\n*Inert* marks what is checked and has no effect yet.\n"]
    for name, (place, words) in SECTIONS.items():
        section = schema if name == "Configuration" else schema["$defs"][name]
        lines.append(f"\n### {words}\n\n`{place or 'top level'}`\n\n{TABLE}")
        for key, node in section["properties"].items():
            if node.get("deprecated"):
                continue
            needed = "required" if key in section.get("required", ()) else _default(name, key)
            inert = " *Inert.*" if _inert([*(place.split(".") if place else []), key]) else ""
            does = f"{node['description'].rstrip('.')}.{inert}"
            lines.append(f"| `{key}` | {_type(node, schema)} | {needed} | {does} |\n")
    lines.append("\n### Metrics of a rule\n\n| metric | what it measures |\n|---|---|\n")
    lines += [f"| `{metric}` | {words} |\n" for metric, words in METRICS.items()]
    return "".join(lines)


SECTIONS = {
    "Configuration": ("", "Sections"),
    "Layer": ("layers.*", "A layer"),
    "Limits": ("layers.*.resource_limits", "A layer's share of the machine"),
    "Success": ("layers.*.success_criteria", "When a layer counts as passed"),
    "Models": ("layers.*.llm_requirements", "Language models"),
    "Price": ("layers.*.llm_requirements.prices.*", "What a model costs"),
    "Place": ("layers.*.categories.*", "A category's place in a layer"),
    "Requirements": ("layers.*.categories.*.resource_requirements", "What a category needs"),
    "Filters": ("layers.*.categories.*.filters", "Which tests of a category"),
    "Category": ("categories.*", "A category of the catalogue"),
    "Execution": ("execution_config", "The whole run"),
    "BackgroundExecution": ("execution_config.background_execution", "Background layers"),
    "Service": ("service_dependencies.*", "A service"),
    "EnvironmentSection": ("environments.*", "An environment"),
    "Tests": ("tests", "Tests"),
    "History": ("history", "History"),
    "Monitoring": ("monitoring", "Monitoring"),
    "ProgressTracking": ("monitoring.progress_tracking", "Progress"),
    "PerformanceMonitoring": ("monitoring.performance_monitoring", "Measurements"),
    "Reporting": ("monitoring.reporting", "Reports"),
    "Alert": ("monitoring.alerts.*", "An alert"),
    "LogReceiver": ("monitoring.receivers.*", "A receiver: the log"),
    "ConsoleReceiver": ("monitoring.receivers.*", "A receiver: the terminal"),
    "CommandReceiver": ("monitoring.receivers.*", "A receiver: a command"),
    "WebhookReceiver": ("monitoring.receivers.*", "A receiver: a webhook"),
    "EmailReceiver": ("monitoring.receivers.*", "A receiver: e-mail"),
}
"""Each section's place in a file (`*`: any name or place of a list) and its heading."""
RENAMED = {
    "max_duration_minutes": "max_duration_seconds",
    "global_timeout_minutes": "global_timeout_seconds",
    "execution_mode": "mode",
    "background_execution": "background",
    "resource_limits": "limits",
    "llm_requirements": "llm",
    "enabled": "background_enabled",
    "max_parallel_instances": "max_lanes",
}
"""Keys whose field of the settings has another name."""


def _default(section: str, key: str) -> str:
    from test_framework.core import settings

    kind: Any = {
        "Layer": settings.LayerSettings,
        "Success": settings.LayerSettings,
        "Limits": settings.ResourceLimits,
        "Models": settings.LanguageModels,
        "Place": settings.LayerCategory,
        "Requirements": settings.LayerCategory,
        "Filters": settings.LayerCategory,
        "Category": settings.CategorySettings,
        "Execution": settings.ExecutionSettings,
        "BackgroundExecution": settings.ExecutionSettings,
        "Service": settings.ServiceSettings,
        "Tests": settings.TestsSettings,
    }.get(section)
    if key == "execution_order":
        return "its place in the file"
    known = {field.name: field for field in fields(kind)} if kind else {}
    field = known.get(key) or known.get(RENAMED.get(key, ""))
    if field is None and section == "Requirements":
        return "`false`"
    if field is None or field.default is MISSING or field.default in (None, "", ()):
        return ""
    value = field.default
    return f"`{str(value).lower() if isinstance(value, bool) else f'{value:g}' if isinstance(value, float) else value}`"


def _inert(path: list[str]) -> bool:
    from test_framework.configuration.inert import INERT

    rules: Any = INERT
    for part in path:
        if isinstance(rules, str):
            return True
        rules = rules.get(part, rules.get("*", {}))
    return isinstance(rules, str)


def _type(node: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in node:
        return "mapping"
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return " \\| ".join(f"`{word}`" for word in node["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in node:
            return " or ".join(dict.fromkeys(_type(each, schema) for each in node[choice]))
    kind = node.get("type")
    if kind == "array":
        return f"list of {_type(node['items'], schema)}"
    if kind == "object":
        return "mapping"
    if kind in ("integer", "number"):
        least = node.get("minimum", node.get("exclusiveMinimum", 0))
        more = "more than " if "exclusiveMinimum" in node else ""
        return (
            f"{'whole number' if kind == 'integer' else 'number'}, {more}{least:,} to {node['maximum']:,.10g}"
        )
    return {"boolean": "true or false", "string": "text", "null": "nothing"}.get(str(kind), "anything")


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join("<name>" if part == "*" else str(part) for part in path)


if __name__ == "__main__":
    sys.exit(main())
