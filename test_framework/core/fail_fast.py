"""When a failure stops more than its own test.

Rules: `layers` leaves it to each layer's strategy; a run-wide mode overrides all of them; `max_failures`
holds in every mode. Nothing more is started in the stopped scope; tests that run already may finish, except
under a layer's `immediate`, which interrupts them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from test_framework.core.stages import CategoryRun
from test_framework.model import facts as f
from test_framework.model.outcome import BAD
from test_framework.model.plan import Plan

THRESHOLD_SHARE = 0.30
THRESHOLD_TESTS = 10
THRESHOLD_IN_A_ROW = 5

CATEGORY_MODES = frozenset({"category_failure", "dependency_aware"})
"""Modes in which a category that depends on a failed one is not started."""


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
        self._finished = self._bad = self._in_a_row = 0

    def after(self, fact: f.TestFinished, category: CategoryRun) -> StopScope | None:
        """What this outcome stops, if anything. Call it once for each decided test, in order."""
        self._finished += 1
        if fact.outcome not in BAD:
            self._in_a_row = 0
            return None
        self._bad += 1
        self._in_a_row += 1
        if self._max_failures and self._bad >= self._max_failures:
            return StopScope("run", f"stopped after {self._bad} failure{'s' if self._bad > 1 else ''}")
        match self._mode:
            case "layers":
                return self._by_layer(fact, category)
            case "first_failure":
                return StopScope("run", f"first failure: {fact.test}")
            case "critical_failure" if category.plan.critical:
                return StopScope("run", f"failure in critical category {category.name}: {fact.test}")
            case "threshold_based" | "smart_adaptive":
                return self._by_threshold()
        return None

    def _by_layer(self, fact: f.TestFinished, category: CategoryRun) -> StopScope | None:
        words = f"fails fast: {fact.test} failed"
        match self._strategies.get(category.layer, "disabled"):
            case "immediate":
                return StopScope(f"layer:{category.layer}", f"layer {category.layer} {words}", at_once=True)
            case "layer":
                return StopScope(f"layer:{category.layer}", f"layer {category.layer} {words}")
            case "category":
                return StopScope(f"category:{category.name}", f"category {category.name} {words}")
        return None

    def _by_threshold(self) -> StopScope | None:
        if self._in_a_row >= THRESHOLD_IN_A_ROW:
            return StopScope("run", f"{self._in_a_row} failures in a row")
        if self._finished >= THRESHOLD_TESTS and self._bad > THRESHOLD_SHARE * self._finished:
            return StopScope(
                "run", f"{self._bad} of {self._finished} tests failed, over {THRESHOLD_SHARE:.0%}"
            )
        return None

    def keeps_from_starting(self, category: CategoryRun, others: Iterable[CategoryRun]) -> str:
        """Why a category may not start because of one that it depends on; '' when it may."""
        if self._mode not in CATEGORY_MODES:
            return ""
        for other in others:
            if other.name in category.plan.depends_on and other.ended and (other.bad or other.owed):
                how = "failed" if other.bad else "was stopped"
                return f"category {other.name}, which {category.name} depends on, {how}"
        return ""
