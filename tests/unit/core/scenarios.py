"""Random plans and worlds: every mode, limit and misfortune, from a seed and a few dials.

Rules: a test hangs only where some time limit will end it; names are unique within a plan; dependencies point
backwards, as planning makes them.
"""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from test_framework.model.plan import CategoryPlan, Chain, LayerPlan, Plan
from tests.unit.core.simulated_lane import CALM_FATES, DEATHS, WILD_FATES, Fate, Nature
from tests.unit.core.simulated_shell import World

MODES = ("sequential", "parallel", "hybrid")
FAIL_FAST_MODES = (
    "layers",
    "disabled",
    "first_failure",
    "category_failure",
    "critical_failure",
    "threshold_based",
    "smart_adaptive",
    "dependency_aware",
)
NATURES = ("good", "good", "dies", "silent", "stays", "stillborn", "unborn", "immortal")
REASONS = ("interrupt", "second_interrupt", "signal", "test_request", "internal_error")

Scenario = tuple[Plan, World]


def scenario(
    seed: int, size: int, lanes: int, calm: bool, limits: bool, cancels: bool, retries: bool = False
) -> Scenario:
    """`size`: about how many chains; `calm`: no crash, hang or odd lane; `limits`: budgets and time limits;
    `retries`: bad tests of some categories run again.
    """
    rng = Random(seed)
    builder = _Builder(rng, calm, limits, retries)
    layers = builder.layers(size)
    plan = Plan(
        layers=tuple(layers),
        lanes=lanes,
        budget_seconds=builder.run_budget,
        max_failures=rng.choice((0, 0, 0, 1, 3)),
        fail_fast_mode=rng.choice(FAIL_FAST_MODES),
        grace_seconds=rng.choice((2.0, 5.0)),
        shutdown_seconds=rng.choice((8.0, 20.0)),
        birth_seconds=10.0,
        flaky=frozenset(test for test in builder.fates if rng.random() < 0.2),
        max_parallel_layers=rng.choice((1, 1, 2, 3)),
        layer_delay_seconds=rng.choice((0.0, 0.0, 0.0, 1.5)),
        conflict_resolution=rng.choice(("priority_based", "first_come_first_serve", "round_robin")),
        fresh_seconds=rng.choice((None, None, 0.0, 0.5)),
    )
    world = World(fates=builder.fates)
    if not calm:
        world.natures = [builder.nature() for _ in range(rng.randrange(12))] if rng.random() < 0.5 else []
        if rng.random() < 0.05:
            world.always = Nature(rng.choice(("stillborn", "dies", "silent")), after=rng.choice((0, 0, 1)))
    if cancels:
        world.cancels = builder.cancels(layers)
    return plan, world


class _Builder:
    def __init__(self, rng: Random, calm: bool, limits: bool, retries: bool) -> None:
        self.retries = (0, 1, 2) if retries else (0,)
        self.rng = rng
        self.calm = calm
        self.limits = limits
        self.run_budget = rng.choice((2.0, 15.0, 60.0)) if limits and rng.random() < 0.4 else None
        self.fates: dict[str, Fate] = {}
        self.chains = 0

    def layers(self, size: int) -> list[LayerPlan]:
        rng, layers, names = self.rng, [], []
        count = rng.randint(1, 3) if size else rng.randint(0, 2)
        for number in range(count):
            budget = rng.choice((3.0, 12.0, 40.0)) if self.limits and rng.random() < 0.3 else None
            categories = [
                self.category(f"c{number}{each}", names, budget, size / (count * 2))
                for each in range(rng.randint(0, 3))
            ]
            names += [each.name for each in categories]
            before = [each.id for each in layers]
            layers.append(
                LayerPlan(
                    id=f"l{number}",
                    name=f"Layer {number}",
                    categories=tuple(categories),
                    mode=rng.choice(MODES),
                    budget_seconds=budget,
                    fail_fast=rng.choice(("disabled", "disabled", "immediate", "category", "layer")),
                    depends_on=frozenset(each for each in before if rng.random() < 0.3),
                    after=frozenset(each for each in before if rng.random() < 0.3),
                    conflicts=frozenset(each for each in ("l0", "l1", "l2") if rng.random() < 0.15),
                    priority=rng.randint(1, 3),
                    max_lanes=rng.choice((None, None, None, 1, 2)),
                    allow_partial_success=rng.random() < 0.3,
                    min_pass_rate=rng.choice((0.0, 0.5, 0.9)),
                    max_failures=rng.choice((None, None, 0, 2)),
                    critical_tests_must_pass=rng.random() < 0.5,
                )
            )
        return layers

    def category(self, name: str, before: list[str], layer_budget: float | None, size: float) -> CategoryPlan:
        rng = self.rng
        budget = rng.choice((2.0, 6.0, 30.0)) if self.limits and rng.random() < 0.3 else None
        limit = rng.choice((0.5, 2.0, 10.0)) if self.limits and rng.random() < 0.5 else None
        may_hang = any(each is not None for each in (budget, limit, layer_budget, self.run_budget))
        wild = [each for each in WILD_FATES if may_hang or each in DEATHS]
        chains = tuple(self.chain(name, wild) for _ in range(round(rng.random() * 2 * size)))
        return CategoryPlan(
            name=name,
            chains=chains,
            budget_seconds=budget,
            test_timeout_seconds=limit,
            max_lanes=rng.choice((None, None, None, 1, 2)),
            critical=rng.random() < 0.3,
            retries=rng.choice(self.retries),
            depends_on=frozenset(each for each in before if rng.random() < 0.2),
            conflicts=frozenset(each for each in before if rng.random() < 0.1),
            alone=rng.random() < 0.1,
            urgency=rng.randrange(3),
        )

    def chain(self, category: str, wild: list[str]) -> Chain:
        rng = self.rng
        self.chains += 1
        count = rng.choice((1, 1, 2, 3, 6, 12))
        tests = tuple(f"{category}/m{self.chains}.py::t{index}" for index in range(count))
        honest = rng.random() < 0.6
        costs = []
        for test in tests:
            seconds = round(rng.choice((0.001, 0.05, 0.3, 1.0)) * (0.5 + rng.random()), 4)
            costs.append(seconds if honest else rng.choice((0.0, 0.01, 0.1, 2.0)))
            self.fates[test] = Fate(self.fate(wild), seconds)
        linking = rng.random() < 0.4
        return Chain(
            key=f"{category}/m{self.chains}.py",
            tests=tests,
            costs=tuple(costs),
            links=tuple(index > 0 and rng.random() < 0.5 for index in range(count)) if linking else (),
            exclusive=rng.random() < 0.15,
            rank=rng.choice((0, 0, 0, 1)),
            ends=frozenset(index for index in range(count) if rng.random() < 0.1),
        )

    def fate(self, wild: list[str]) -> str:
        rng = self.rng
        if not self.calm and rng.random() < 0.08:
            return rng.choice(wild)
        return "pass" if rng.random() < 0.85 else rng.choice(CALM_FATES)

    def nature(self) -> Nature:
        rng = self.rng
        return Nature(
            kind=rng.choice(NATURES),
            after=rng.randrange(6),
            birth_seconds=rng.choice((0.003, 0.003, 0.5)),
            teardown_seconds=rng.choice((0.01, 0.01, 1.0)),
            latency=rng.choice((0.0, 0.0, 0.025)),
        )

    def cancels(self, layers: list[LayerPlan]) -> list[tuple[float, str, str]]:
        rng = self.rng
        found = []
        for _ in range(rng.randint(1, 3)):
            scope = "run"
            if rng.random() < 0.15 and layers:
                scope = f"layer:{rng.choice(layers).id}"
            found.append((round(rng.random() * 8, 3), rng.choice(REASONS), scope))
        if rng.random() < 0.3:
            at = rng.random() * 5
            found += [(at, "interrupt", "run"), (at + rng.random(), "second_interrupt", "run")]
        return found


scenarios = st.builds(
    scenario,
    seed=st.integers(0, 2**32),
    size=st.sampled_from((0, 2, 5, 12)),
    lanes=st.integers(1, 4),
    calm=st.booleans(),
    limits=st.booleans(),
    cancels=st.sampled_from((False, False, True)),
)
