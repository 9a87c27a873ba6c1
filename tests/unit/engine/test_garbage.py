"""What the tuning of the garbage collector leaves as it was."""

from __future__ import annotations

import gc
import subprocess
import sys
import types
from collections.abc import Iterator

import pytest

from test_framework.engine.inside import garbage
from test_framework.engine.inside.garbage import COLLECT_THRESHOLD, Garbage

PYTEST_PART = "_pytest.unraisableexception"


@pytest.fixture
def thresholds() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)
    for name in garbage.ASKING:
        getattr(gc, name)  # whoever asks puts everything back


@pytest.fixture
def end_of_pytest(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType(PYTEST_PART)
    module.gc_collect_harder = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, PYTEST_PART, module)
    return module


def test_what_the_project_sets_while_tests_are_collected_stays(thresholds: tuple[int, int, int]) -> None:
    tuned = Garbage(wanted=True)
    tuned.collecting_tests()
    assert gc.get_threshold()[0] == COLLECT_THRESHOLD
    gc.set_threshold(5000, 7, 7)
    tuned.running_tests()
    assert gc.get_threshold()[0] == 5000
    assert thresholds[0] != 5000


def test_tests_run_with_the_thresholds_that_python_has(thresholds: tuple[int, int, int]) -> None:
    tuned = Garbage(wanted=True)
    tuned.collecting_tests()
    tuned.running_tests()
    assert gc.get_threshold() == thresholds


def test_garbage_is_searched_until_nothing_is_found(
    thresholds: tuple[int, int, int], end_of_pytest: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [7, 2, 0, 0, 0]
    asked: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: asked.append(1) or found[len(asked) - 1])
    Garbage(wanted=True).collecting_tests()
    end_of_pytest.gc_collect_harder(5)
    assert len(asked) == 3
    asked.clear()
    end_of_pytest.gc_collect_harder(1)
    assert len(asked) == 1


def test_what_a_finalizer_leaves_is_found_by_the_next_search() -> None:
    """The claim behind it: a collection that finds nothing is the last that finds anything."""
    code = """
import gc
gc.disable()
class Late:
    def __del__(self):
        cycle = []
        cycle.append(cycle)
        self.more and cycle.append(type(self)(self.more - 1))
    def __init__(self, more):
        self.more, self.me = more, self
gc.collect()
Late(3)
print([gc.collect() > 0 for _ in range(6)])
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[True, True, True, True, True, False]"
