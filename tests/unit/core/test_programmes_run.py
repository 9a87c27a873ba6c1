"""Random settings and wishes, planned and run to the end: what planning makes, the scheduler can carry out.

Nothing is started: lanes are simulated and the clock is virtual; the referee looks at every step.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.names import PRIORITIES
from test_framework.core.planning import Known, make_plan
from test_framework.core.selection import Wish, choose, homes
from test_framework.core.settings import (
    CategorySettings,
    ExecutionSettings,
    LayerCategory,
    LayerSettings,
    Settings,
)
from test_framework.model.plan import TestInfo
from tests.unit.core.budget import examples
from tests.unit.core.simulated_lane import Fate
from tests.unit.core.simulated_shell import Shell, World

pytestmark = pytest.mark.unit

NAMES = tuple("abcdefgh")
LAYERS = ("l1", "l2", "l3", "l4")


def some(rng: Random, names: tuple[str, ...], share: float) -> tuple[str, ...]:
    return tuple(name for name in names if rng.random() < share)


def random_settings(rng: Random) -> Settings:
    """Layers depend on earlier ones, as checked files do; categories depend on and conflict with any."""
    shuffled = rng.sample(NAMES, len(NAMES))
    ranks = {name: rank for rank, name in enumerate(shuffled)}
    categories = {
        name: CategorySettings(
            name=name,
            priority=rng.choice(PRIORITIES),
            dependencies=some(rng, tuple(shuffled[: ranks[name]]), 0.2),
            conflicts=some(rng, NAMES, 0.1),
            parallel_safe=rng.random() < 0.8,
            max_parallel_instances=rng.choice((None, 1, 2)),
            parent=rng.choice((None, None, *shuffled[: ranks[name]])),
            requires_environment=rng.choice(((), (), (), ("staging",), ("test", "dev"))),
        )
        for name in NAMES
    }
    homes = {name: rng.choice((*LAYERS, None)) for name in NAMES}
    layers = {
        layer: LayerSettings(
            id=layer,
            name=layer,
            priority=rng.randint(1, 5),
            execution_order=rng.choice((place, place, 1)) if place else 1,
            mode=rng.choice(("sequential", "parallel", "hybrid")),
            fail_fast_strategy=rng.choice(("disabled", "disabled", "immediate", "category", "layer")),
            dependencies=some(rng, LAYERS[:place], 0.4),
            conflicts=some(rng, (*LAYERS, *NAMES), 0.1),
            categories=tuple(
                LayerCategory(name=name, timeout_seconds=300.0) for name in NAMES if homes[name] == layer
            ),
            min_pass_rate=rng.choice((0.0, 0.9)),
        )
        for place, layer in enumerate(LAYERS)
    }
    execution = ExecutionSettings(
        layer_execution_mode=rng.choice(
            ("sequential", "waterfall", "waterfall_with_background", "parallel", "parallel")
        ),
        inter_layer_delay_seconds=rng.choice((0.0, 0.0, 3.0)),
        max_global_parallel_tests=rng.choice((None, None, 1, 2)),
        resource_conflict_resolution=rng.choice(("priority_based", "first_come_first_serve", "round_robin")),
    )
    return Settings(environment="test", layers=layers, categories=categories, modes={}, execution=execution)


def random_wish(rng: Random, settings: Settings) -> Wish:
    kind = rng.choice(("all", "all", "layers", "legacy"))
    wish: dict[str, object] = {"lanes": rng.randint(1, 4), "max_parallel_layers": rng.choice((None, 1, 2, 5))}
    if kind == "all":
        wish["mode"] = "all"
    elif kind == "layers":
        wish["layers"] = some(rng, LAYERS, 0.5) or ("l1",)
    else:
        wish["categories"] = some(rng, NAMES, 0.4) or ("a",)
        wish["parallel"] = rng.random() < 0.7
    sequence = tuple(homes(choose(Wish(**wish), settings), settings))  # type: ignore[arg-type]
    if rng.random() < 0.3 and sequence:
        wish["resume_from"] = rng.choice(sequence)
    wish["fail_fast_mode"] = rng.choice((None, None, "disabled", "category_failure", "dependency_aware"))
    return Wish(**wish)  # type: ignore[arg-type]


@examples(0.5)
@given(st.integers(0, 2**32))
def test_whatever_is_planned_runs_to_its_end(seed: int) -> None:
    rng = Random(seed)
    settings = random_settings(rng)
    wish = random_wish(rng, settings)
    files = [(name, file) for name in NAMES for file in range(rng.randint(0, 2))]
    tests = [
        TestInfo(f"{name}/f{file}.py::t{number}", 0, f"{name}/f{file}.py", 1, chain=f"{name}/f{file}.py")
        for name, file in files
        for number in range(rng.randint(1, 3))
    ]
    seconds = {test.id: rng.choice((0.01, 0.5)) for test in tests if rng.random() < 0.7}
    planned = make_plan(settings, wish, tests, lambda test: test.id[0], Known(seconds))
    fates = {
        test.id: Fate("pass" if rng.random() < 0.95 else "fail", seconds.get(test.id, 0.05)) for test in tests
    }
    shell = Shell(planned.plan, World(fates=fates)).run()
    places = set(shell.referee.places)
    owed = {test for test, *_ in planned.owed}
    assert not places & owed
    assert len(places) + len(owed) + planned.deselected == len(tests)
    assert all(reason for *_, reason in planned.owed)
    if wish.mode == "all":
        assert not [reason for *_, reason in planned.owed if reason.startswith("not chosen")]
    for layer in planned.plan.layers:
        for category in layer.categories:
            assert category.name not in category.conflicts
