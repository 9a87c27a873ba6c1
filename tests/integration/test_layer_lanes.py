"""How many lanes a layer may have, through the real command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import Run
from tests.integration.started_command import Command, ledger_adds_up, write

MEETS = """
import os, pathlib, time

HERE = pathlib.Path(__file__).parents[1]

def test_meets_the_other():
    (HERE / f"seen{{os.getpid()}}").touch()
    end = time.monotonic() + {seconds}
    while len(list(HERE.glob("seen*"))) < 2:
        assert time.monotonic() < end, "it ran without the other"
        time.sleep(0.01)
"""
LAYER = """
layers:
  only:
    execution_mode: parallel
    categories: [{name: unit, timeout_seconds: 60}, {name: api, timeout_seconds: 60}]
    max_duration_minutes: 1
    resource_limits: {max_parallel_instances: %d}
"""


@pytest.fixture
def command(tmp_path: Path, no_leftovers: list[Run]) -> Command:
    return Command(tmp_path, no_leftovers)


@pytest.mark.parametrize(("most", "alone"), [(1, 1), (2, 0)])
def test_tests_of_two_categories_meet_only_where_their_layer_has_two_lanes(
    command: Command, tmp_path: Path, most: int, alone: int
) -> None:
    project = tmp_path / "project"
    seconds = 1 if alone else 20
    for name in ("unit", "api"):
        write(project / name, **{f"test_{name}": MEETS.format(seconds=seconds)})
    (project / "apex.yaml").write_text(LAYER % most)
    run = command.run(project, "--layers", "only", "--workers", "2")
    outcomes = sorted(fact["outcome"] for fact in run.facts if fact["type"] == "test.finished")
    assert outcomes == ["failed"] * alone + ["passed"] * (2 - alone), run.explain()
    assert "max_parallel_instances: inert" not in run.stderr
    assert ledger_adds_up(run), run.explain()
