"""One run's layers and categories: what is open, how far it is, and how it ended.

Rules: counters are kept, never recounted; a scope that leaves tests owed has not passed; a layer with
failures has passed only within limits that it states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from test_framework.core.chains import Pool
from test_framework.core.windows import Halt, Window
from test_framework.model.outcome import StopReason
from test_framework.model.plan import CategoryPlan, Chain, LayerPlan


@dataclass(slots=True, eq=False)
class CategoryRun:
    plan: CategoryPlan
    layer: str
    pool: Pool
    tests: int
    open: bool = False
    ended: bool = False
    window: Window = field(default_factory=Window)
    busy: int = 0
    """units handed out and not ended"""
    bad: int = 0
    executed: int = 0
    owed: int = 0
    retrying: set[str] = field(default_factory=set)
    """tests whose last attempt was bad and that wait for another one, or are in it"""
    tries: dict[str, int] = field(default_factory=dict)
    """how often a test was retried"""
    halt: Halt | None = None
    kept: bool = False
    """not started because something that it depends on failed"""
    ready_since: float = math.inf
    """when it could have opened but for conflicts"""

    @classmethod
    def of(cls, plan: CategoryPlan, layer: str) -> CategoryRun:
        return cls(plan, layer, Pool.of(plan.chains), sum(len(chain.tests) for chain in plan.chains))

    @property
    def name(self) -> str:
        return self.plan.name

    def retry(self, test: str, chain: Chain, index: int) -> bool:
        """Have a bad test run again, by itself and after all that waits already; False where it had its tries."""
        if self.tries.get(test, 0) >= self.plan.retries or self.halt is not None:
            return False
        self.tries[test] = self.tries.get(test, 0) + 1
        self.retrying.add(test)
        self.pool.add_last(
            replace(chain, tests=(test,), costs=chain.costs[index : index + 1], links=(), rank=0)
        )
        return True

    @property
    def may_start(self) -> bool:
        return self.open and not self.ended and self.halt is None and bool(self.pool)

    @property
    def may_come(self) -> bool:
        """Whether it has, or may yet have, tests to start."""
        return not self.ended and self.halt is None and (not self.open or bool(self.pool))

    @property
    def over(self) -> bool:
        return not self.pool and self.busy == 0

    @property
    def most_lanes(self) -> int | None:
        return None if self.plan.max_lanes is None else max(1, self.plan.max_lanes)

    def status(self) -> str:
        if self.bad:
            return "failed"
        if self.owed:
            late = self.halt is not None and self.halt.reason is StopReason.BUDGET
            return "timed_out" if late else "stopped"
        return "passed" if self.executed else "empty"

    def why_owed(self) -> str:
        if not self.owed:
            return ""
        return self.halt.words if self.halt is not None else f"{self.owed} of its tests could not be decided"


@dataclass(slots=True, eq=False)
class LayerRun:
    plan: LayerPlan
    categories: list[CategoryRun]
    open: bool = False
    ended: bool = False
    window: Window = field(default_factory=Window)
    status: str = ""
    ready_since: float = math.inf
    """when it could have opened but for conflicts and the number of layers that may be open"""
    begun: int = 0
    """categories that were opened"""

    @classmethod
    def of(cls, plan: LayerPlan) -> LayerRun:
        return cls(plan, [CategoryRun.of(each, plan.id) for each in plan.categories])

    @property
    def id(self) -> str:
        return self.plan.id

    @property
    def bad(self) -> int:
        return sum(category.bad for category in self.categories)

    @property
    def over(self) -> bool:
        return all(category.ended for category in self.categories)

    @property
    def serves_dependents(self) -> bool:
        """Whether layers that depend on this one may start, now that it has ended."""
        if self.status in ("passed", "empty"):
            return True
        return self.plan.allow_partial_success and self.status == "timed_out"

    def next_categories(self) -> list[CategoryRun]:
        """Categories that may open now, by the layer's mode.

        sequential: one after another; parallel: as soon as what they depend on has ended; hybrid: like
        parallel, but those that need a lane for themselves come last and one by one. Categories that wait for
        each other in a circle are opened in their order, so that a mistake in a plan cannot hang a run.
        """
        waiting = [each for each in self.categories if not each.open and not each.ended]
        working = any(each.open and not each.ended for each in self.categories)
        if self.plan.mode == "sequential":
            return [] if working else waiting[:1]
        inside = {each.name for each in self.categories}
        ended = {each.name for each in self.categories if each.ended}
        ready = [each for each in waiting if each.plan.depends_on & inside <= ended]
        if self.plan.mode == "hybrid":
            together = [each for each in ready if each.most_lanes != 1]
            ready = together if together or working else ready[:1]
        return ready if ready or working else waiting[:1]

    def outcome(self) -> tuple[str, str]:
        """Status and reason of a layer that is over."""
        executed = sum(each.executed for each in self.categories)
        owing = next((each for each in self.categories if each.owed), None)
        why = owing.why_owed() if owing is not None else ""
        if self.bad:
            critical = sum(each.bad for each in self.categories if each.plan.critical)
            if critical and self.plan.critical_tests_must_pass:
                return "failed", f"{critical} failed in critical categories" + (f"; {why}" if why else "")
            if not why and self._tolerates(self.bad, executed):
                return "passed", f"{self.bad} failed, within what the layer allows"
            return "failed", why or f"{self.bad} failed"
        if owing is not None:
            late = any(each.owed and each.status() == "timed_out" for each in self.categories)
            return ("timed_out" if late else "stopped"), why
        return ("passed" if executed or self.plan.proven else "empty"), ""

    def _tolerates(self, bad: int, executed: int) -> bool:
        most, rate = self.plan.max_failures, self.plan.min_pass_rate
        if most is None and rate <= 0:
            return False
        return (most is None or bad <= most) and 1 - bad / (executed + self.plan.proven) >= rate
