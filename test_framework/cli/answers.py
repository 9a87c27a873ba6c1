"""Answers without a run: the categories, the layers, what was seen of them, what is true now.

Rules: neither asyncio, yaml, pydantic nor dataclasses is imported for a project whose configuration is known; in
`json` mode each answer is one JSON object on a line of its own; several answers come in the order of `ANSWERS`.
"""

from __future__ import annotations

import sys

from test_framework.cli.arguments import ANSWERS
from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.engine.project import find_root
from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    Answer = tuple[dict[str, Any], list[str]]


def answer(options: argparse.Namespace) -> int:
    """Print what was asked for; the highest exit code of the answers. Raises `UserError`."""
    root = find_root(options.project_root)
    code = 0
    for name in ANSWERS:
        if not getattr(options, name):
            continue
        if name == "validate":
            from test_framework.cli.validate import validate

            code = max(code, validate(root, options.env, as_json=options.progress_mode == "json"))
            continue
        if name == "explain":
            from test_framework.cli.explain import run as explain

            code = max(code, explain(_explaining(options), "apex"))
            continue
        body, lines = _MAKERS[name](root, options.env)
        if options.progress_mode == "json":
            import json

            lines = [json.dumps(body, separators=(",", ":"))]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    return code


def _explaining(options: argparse.Namespace) -> list[str]:
    """`--explain TEST` in the words of `apex explain`."""
    words = [f"--env={options.env}", *(["--json"] if options.progress_mode == "json" else [])]
    words += ["--all"] if options.verbose else []
    words += [f"--project-root={options.project_root}"] if options.project_root else []
    words += [f"--python={options.python}"] if options.python else []
    return [*words, "--", options.explain]


def _mapping(root: Path) -> Mapping[str, Any]:
    from test_framework.configuration.load import load_mapping

    return load_mapping(root)[0]


def _list_categories(root: Path, environment: str) -> Answer:
    from test_framework.cli.catalogue import categories_of, category_lines

    found = categories_of(_mapping(root), environment)
    return {"categories": found}, category_lines(found)


def _show_layers(root: Path, environment: str) -> Answer:
    from test_framework.cli.catalogue import layer_lines, layers_of

    mapping = _mapping(root)
    found = layers_of(mapping, environment)
    modes = mapping.get("modes", {})
    return {"layers": found, "modes": modes}, layer_lines(found, modes)


def _show_category_stats(root: Path, environment: str) -> Answer:
    from test_framework.cli.catalogue import categories_of
    from test_framework.cli.category_stats import statistics, statistics_lines
    from test_framework.records.places import base_of

    found = statistics(base_of(root), categories_of(_mapping(root), environment))
    return {"categories": found}, statistics_lines(found)


def _orchestration_status(root: Path, environment: str) -> Answer:
    from test_framework.cli.catalogue import layers_of
    from test_framework.cli.status import status, status_lines

    layers: list[str] = []
    degraded: list[str] = []
    try:
        layers = list(layers_of(_mapping(root), environment))
    except UserError as error:
        degraded.append(f"the configuration cannot be read (--validate says more): {error.what}")
    found = status(root, ENVIRONMENT_NAMES[environment], layers, degraded)
    return found, status_lines(found)


_MAKERS: Mapping[str, Callable[[Path, str], Answer]] = {
    "list_categories": _list_categories,
    "show_layers": _show_layers,
    "show_category_stats": _show_category_stats,
    "orchestration_status": _orchestration_status,
}
