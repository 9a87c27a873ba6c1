"""When a failure stops more than its own test.

Rules: `layers` leaves it to each layer's strategy; a run-wide mode overrides all of them; `max_failures`
holds in every mode. Nothing more is started in the stopped scope; tests that run already may finish, except
under `first_failure` and a layer's `immediate`, which interrupt them. A strategy `category` stops its category and
keeps those that depend on it from starting; `layer` lets the layer end and, if it failed, starts no further one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from test_framework.core.stages import CategoryRun, LayerRun
from test_framework.model import facts as f
from test_framework.model.outcome import BAD
from test_framework.model.plan import Plan

THRESHOLD_SHARE = 0.30
THRESHOLD_TESTS = 10
THRESHOLD_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class StopScope:
    scope: str
    """run | layer:<id> | category:<name>"""
    message: str
    at_once: bool = False


def covers(scope: str, category: CategoryRun) -> bool:
    """Whether a scope (run | layer:<id> | category:<name>) contains a category."""
    kind, _, name = scope.partition(":")
    return (
        kind == "run"
        or (kind == "layer" and category.layer == name)
        or (kind == "category" and category.name == name)
    )


class FailFast:
    """Counts what threshold modes need and says what a bad outcome stops."""

    def __init__(self, plan: Plan) -> None:
        self._mode = plan.fail_fast_mode
        self._max_failures = plan.max_failures
        self._strategies = {layer.id: layer.fail_fast for layer in plan.layers}
        self._flaky = plan.flaky if plan.fail_fast_mode == "smart_adaptive" else frozenset()
        self._bad = 0
        self._counted = self._counted_bad = self._in_a_row = 0

    def after(self, fact: f.TestFinished, category: CategoryRun) -> StopScope | None:
        """What this outcome stops, if anything. Call it once for each decided test, in order."""
        bad = fact.outcome in BAD
        counts = fact.test not in self._flaky
        if counts:
            self._counted += 1
            self._counted_bad += bad
            self._in_a_row = self._in_a_row + 1 if bad else 0
        if not bad:
            return None
        self._bad += 1
        if self._max_failures and self._bad >= self._max_failures:
            return StopScope("run", f"stopped after {self._bad} failure{'s' if self._bad > 1 else ''}")
        match self._mode:
            case "layers":
                return self._by_layer(fact, category)
            case "first_failure":
                return StopScope("run", f"first failure: {fact.test}", at_once=True)
            case "critical_failure" if category.plan.critical:
                return StopScope("run", f"failure in critical category {category.name}: {fact.test}")
            case "threshold_based" | "smart_adaptive" if counts:
                return self._by_threshold()
        return None

    def _by_layer(self, fact: f.TestFinished, category: CategoryRun) -> StopScope | None:
        words = f"fails fast: {fact.test} failed"
        match self._strategies.get(category.layer, "disabled"):
            case "immediate":
                return StopScope(f"layer:{category.layer}", f"layer {category.layer} {words}", at_once=True)
            case "category":
                return StopScope(f"category:{category.name}", f"category {category.name} {words}")
        return None

    def _by_threshold(self) -> StopScope | None:
        if self._in_a_row >= THRESHOLD_IN_A_ROW:
            return StopScope("run", f"{self._in_a_row} failures in a row")
        bad, counted = self._counted_bad, self._counted
        if counted >= THRESHOLD_TESTS and bad > THRESHOLD_SHARE * counted:
            return StopScope("run", f"{bad} of {counted} tests failed, over {THRESHOLD_SHARE:.0%}")
        return None

    def keeps_from_starting(self, category: CategoryRun, others: Iterable[CategoryRun]) -> str:
        """Why a category may not start because of one that it depends on; '' when it may."""
        if self._mode not in ("category_failure", "dependency_aware", "layers"):
            return ""
        for other in others:
            if other.name in category.plan.depends_on and other.ended:
                how = self._how_it_failed(other)
                if how:
                    return f"category {other.name}, which {category.name} depends on, {how}"
        return ""

    def _how_it_failed(self, category: CategoryRun) -> str:
        """In words, as far as the mode or the layer's strategy minds; '' when it does not."""
        if self._mode == "layers" and self._strategies.get(category.layer) != "category":
            return ""
        if category.bad:
            return "failed"
        if category.kept:
            return "was not started"
        return "was stopped" if category.owed and self._mode != "dependency_aware" else ""

    def after_layer(self, layer: LayerRun) -> str:
        """Why no further layer starts now that this one has ended; '' when others may."""
        if self._mode == "layers" and layer.status == "failed" and layer.plan.fail_fast == "layer":
            return f"layer {layer.id} failed, and its strategy is to end the run then"
        return ""
