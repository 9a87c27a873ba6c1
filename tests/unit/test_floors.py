"""What runs inside the project's interpreter imports the standard library and pytest's own family, no more.

The floors themselves are import-linter's contracts in pyproject.toml; those cannot say "nothing but".
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
INSIDE = sorted((REPOSITORY / "test_framework" / "engine" / "inside").glob("*.py"))
PYTEST_FAMILY = {"pytest", "_pytest", "pluggy"}
WHERE_PRESENT = {"coverage"}
"""packages of the project that are imported inside a function, once the project is seen to use them"""


def foreign_imports(source: str) -> list[str]:
    """Imports of `source` that leave the standard library and pytest, each as `line: module`."""
    found: list[str] = []
    late: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            late.update(ast.walk(node))
        if isinstance(node, ast.ImportFrom):
            if node.level > 1:
                found.append(f"{node.lineno}: {'.' * node.level}{node.module or ''}")
            modules = [node.module or ""] if node.level == 0 else []
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        allowed = sys.stdlib_module_names | PYTEST_FAMILY | (WHERE_PRESENT if node in late else set())
        found += [f"{node.lineno}: {module}" for module in modules if module.partition(".")[0] not in allowed]
    return found


@pytest.mark.parametrize("path", INSIDE, ids=lambda path: path.name)
def test_what_runs_inside_imports_the_standard_library_and_pytest_only(path: Path) -> None:
    assert foreign_imports(path.read_text()) == []


def test_there_is_something_inside() -> None:
    assert INSIDE


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import rich.console", ["1: rich.console"]),
        ("def f():\n    from test_framework.model import plan", ["2: test_framework.model"]),
        ("from ..journal import Journal", ["1: ..journal"]),
        ("import coverage", ["1: coverage"]),
        ("def f():\n    if True:\n        import coverage", []),
        ("import os.path, _pytest.runner\nfrom .channel import encode", []),
    ],
)
def test_the_check_sees_what_it_must(source: str, found: list[str]) -> None:
    assert foreign_imports(source) == found
