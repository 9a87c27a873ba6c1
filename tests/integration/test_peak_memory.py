"""What tests need of memory, as their lanes measure it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

MIB = 1 << 20
TESTS = """
import pytest

def test_small(): pass

def test_large():
    assert len(b"x" * (200 << 20)) == 200 << 20

def test_after_it(): pass

def test_large_and_bad():
    block = b"y" * (300 << 20)
    assert not block[:1]
"""


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_test_that_raises_the_memory_of_its_process_is_known_for_it(
    tmp_path: Path, apex: Callable[..., Any], isolation: str
) -> None:
    project = tmp_path / "project"
    (project / "tests").mkdir(parents=True)
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "tests" / "test_it.py").write_text(TESTS)
    run = apex(project, ("-n", "1", "--isolation", isolation, "--test-timeout", "60"))
    peaks = {
        fact["test"].rpartition("::")[2]: fact.get("peak_memory_bytes")
        for fact in run.facts
        if fact["type"] == "test.finished"
    }
    assert 200 * MIB <= peaks["test_large"] < 400 * MIB
    assert 300 * MIB <= peaks["test_large_and_bad"] < 500 * MIB
    assert peaks["test_after_it"] is None, "it needs no more than what was there before it"
    assert (peaks["test_small"] or 0) < 100 * MIB
