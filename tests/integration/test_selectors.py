"""Selectors of installed packages through the real command: what they leave out is owed by their name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Run

pytestmark = pytest.mark.integration

SELECTORS = """
def quick(tests, known):
    return {test.id: "too slow for today" for test in tests if "slow" in test.id}

def raises(tests, known):
    raise RuntimeError("no licence")

def odd(tests, known):
    return 42

def stranger(tests, known):
    return {"no/such_test.py::test_it": "why not"}
"""


@pytest.fixture
def run(tmp_path: Path, apex: Callable[..., Run]) -> Callable[..., Run]:
    """run(selector, *args) -> Run of two tests with that selector installed beside the tool"""
    project, packages = tmp_path / "project", tmp_path / "packages"
    (project / "tests" / "unit").mkdir(parents=True)
    (project / "tests" / "unit" / "test_it.py").write_text(
        "def test_quick(): pass\n\ndef test_slow(): pass\n"
    )
    (project / "pytest.ini").touch()
    place = packages / "theirs-1.0.dist-info"
    place.mkdir(parents=True)
    (packages / "their_selectors.py").write_text(SELECTORS)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")

    def start(selector: str, *args: str, paths: tuple[str, ...] = ("tests",)) -> Run:
        (place / "entry_points.txt").write_text(
            f"[netra_apex.selectors]\n{selector} = their_selectors:{selector}\n"
        )
        return apex(project, args, paths, environment={"PYTHONPATH": str(packages)})

    return start


@pytest.mark.parametrize("paths", [("tests",), ()])
def test_what_a_selector_leaves_out_is_owed_by_its_name(
    run: Callable[..., Run], paths: tuple[str, ...]
) -> None:
    done = run("quick", paths=paths)
    assert list(done.outcomes) == ["tests/unit/test_it.py::test_quick"], done.explain()
    assert done.owed == {"tests/unit/test_it.py::test_slow": "left out by selector quick: too slow for today"}
    assert done.exit_code == (10 if paths else 1), "legacy runs map what is owed to 1"
    again = run("quick", paths=paths)
    assert list(again.owed) == ["tests/unit/test_it.py::test_slow"]


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("raises", "selector raises left out nothing: RuntimeError: no licence"),
        ("odd", "selector odd left out nothing: TypeError"),
        ("stranger", "selector stranger names 1 tests that were not collected: no/such_test.py::test_it"),
    ],
)
def test_a_selector_that_fails_leaves_out_nothing_and_is_named(
    run: Callable[..., Run], selector: str, words: str
) -> None:
    done = run(selector)
    assert (len(done.outcomes), done.exit_code) == (2, 0)
    assert any(fact["message"].startswith(words) for fact in done.of("alert.raised")), done.explain()
