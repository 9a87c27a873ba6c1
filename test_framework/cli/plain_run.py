"""The last resort: a legacy run by plain pytest, where the orchestration cannot be imported.

Rules: one process, pytest's own output and exit code; categories are found by directories of their name (or their
configured paths), `unit` is everything that no other category's directory holds. Markers are not looked at.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from test_framework.configuration.load import load_settings
from test_framework.core.classification import FALLBACK
from test_framework.core.selection import LEGACY_CATEGORIES, known, with_dependencies
from test_framework.core.settings import Settings
from test_framework.engine.project import find_interpreter, find_root, pytest_arguments


def plain_run(options: argparse.Namespace, pytest_args: Sequence[str]) -> int:
    """Run pytest on the chosen categories, or on the paths that are named; its exit code."""
    root = find_root(options.project_root)
    settings = load_settings(root, options.env)
    interpreter = find_interpreter(options.python, settings.tests.interpreter, root, os.environ)
    arguments, explicit = pytest_arguments(pytest_args, root)
    if not explicit:
        arguments += selection(options, settings, root)
    for flag, value in (("-k", options.keyword), ("-m", options.markers)):
        if value is not None:
            arguments += [flag, value]
    if options.exit_first or options.fast_fail:
        arguments.append("-x")
    return subprocess.run([interpreter, "-m", "pytest", *arguments], cwd=root, check=False).returncode


def selection(options: argparse.Namespace, settings: Settings, root: Path) -> list[str]:
    """pytest's arguments for the chosen categories and all that they depend on."""
    names = tuple(options.categories or ([options.category] if options.category else LEGACY_CATEGORIES))
    for name in names:
        known("category", name, settings.categories)
    chosen = with_dependencies(names, settings)
    places = directories(settings, root)
    if FALLBACK in chosen:
        return [f"--ignore={path}" for name, paths in places.items() if name not in chosen for path in paths]
    return [path for name in chosen for path in places.get(name, ())] or ["--ignore=."]


def directories(settings: Settings, root: Path) -> dict[str, list[str]]:
    """Category -> directories and files that are its own, relative to the project."""
    found = {
        name: [
            str(path.relative_to(root)) for pattern in category.paths for path in sorted(root.glob(pattern))
        ]
        for name, category in settings.categories.items()
    }
    for directory, below, _ in os.walk(root):
        below[:] = sorted(name for name in below if name[0] not in "._" and name != "node_modules")
        for name in list(below):
            if name in found:
                found[name].append(os.path.relpath(os.path.join(directory, name), root))
                below.remove(name)
    return found
