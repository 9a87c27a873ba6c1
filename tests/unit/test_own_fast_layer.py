"""A fresh clone runs its own fast layer with what requirements.lock installs: nothing else may be imported there."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
OWN = {"test_framework", "tests", "benchmarks", "scripts", "_pytest", "unified_test_runner"}
MODULE_OF = {"PyYAML": "yaml", "pyyaml": "yaml"}
FILES = sorted((REPOSITORY / "tests" / "unit").rglob("*.py"))


def installed_by_lock() -> set[str]:
    """Top-level modules of the distributions in requirements.lock."""
    names = re.findall(r"^([A-Za-z0-9_.-]+)==", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE)
    return {MODULE_OF.get(name, name.replace("-", "_").lower()) for name in names}


def imported_at_the_top(path: Path) -> set[str]:
    """Top-level names of the modules that importing the file imports."""
    found: set[str] = set()
    for statement in ast.parse(path.read_bytes()).body:
        if isinstance(statement, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            found.add((statement.module or "").partition(".")[0])
    return found


def test_unit_tests_import_only_what_a_fresh_clone_installs() -> None:
    allowed = installed_by_lock() | OWN | set(sys.stdlib_module_names)
    foreign = {str(path.relative_to(REPOSITORY)): imported_at_the_top(path) - allowed for path in FILES}
    assert {path: names for path, names in foreign.items() if names} == {}
