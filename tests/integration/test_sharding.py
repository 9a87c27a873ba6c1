"""Parts of a suite through the real command: every test in exactly one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Run

pytestmark = pytest.mark.integration

SIZES = {"a": 7, "b": 2, "c": 1}
MODULE = "import pytest\n\n@pytest.mark.parametrize('n', range({}))\ndef test_{}(n): pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "pytest.ini").touch()
    for name, size in SIZES.items():
        (root / "tests" / f"test_{name}.py").write_text(MODULE.format(size, name))
    return root


def test_the_parts_share_all_tests_whatever_each_machine_remembers(
    project: Path, apex: Callable[..., Run]
) -> None:
    apex(project, pytest_args=("tests/test_a.py",))
    parts = [apex(project, ("--no-cache", "--shard", f"{number}/3"), ("tests",)) for number in (1, 2, 3)]
    ran = [test for part in parts for test in part.tests]
    assert len(ran) == len(set(ran)) == sum(SIZES.values())
    assert [part.exit_code for part in parts] == [0, 0, 0]
    assert max(len(part.tests) for part in parts) == 4
    for part in parts:
        assert part.of("run.planned")[0]["deselected"] == sum(SIZES.values()) - len(part.tests)
        assert not part.owed


def test_a_part_that_is_proven_stays_the_same_part(project: Path, apex: Callable[..., Run]) -> None:
    first = [apex(project, ("--shard", f"{number}/2"), ("tests",)) for number in (1, 2)]
    again = [apex(project, ("--shard", f"{number}/2"), ("tests",)) for number in (1, 2)]
    for before, after in zip(first, again, strict=True):
        told = set(after.tests) | {fact["test"] for fact in after.of("cache.hit")}
        assert told == set(before.tests)


def test_an_empty_part_is_well_and_an_empty_project_is_not(project: Path, apex: Callable[..., Run]) -> None:
    empty = apex(project, ("--shard", "99/99"), ("tests",))
    assert (empty.exit_code, empty.tests) == (0, {})
    nothing = project / "nothing"
    nothing.mkdir()
    assert apex(project, ("--shard", "1/2"), ("nothing",)).exit_code == 5
