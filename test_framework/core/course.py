"""The course of a run: which layers and categories open, stop and end, and when their time is up.

Rules: layers open as `admission` lets them, and only when those they depend on went well enough;
every layer and category ends with one fact, after a fact of its start unless it was blocked; what it leaves
is owed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from test_framework.core.admission import Admission
from test_framework.core.fail_fast import FailFast, covers
from test_framework.core.stages import CategoryRun, LayerRun
from test_framework.core.windows import Halt, Window
from test_framework.model import facts as f
from test_framework.model.outcome import StopReason
from test_framework.model.plan import Plan

_HOW_IT_ENDED = {
    "failed": "failed",
    "stopped": "was stopped",
    "timed_out": "ran out of time",
    "blocked": "was not started",
}


class Course:
    """Owns the layers and categories of one run; tells `record` what becomes of them."""

    def __init__(self, plan: Plan, fail_fast: FailFast, record: Callable[[f.Fact], None]) -> None:
        self.layers = [LayerRun.of(layer) for layer in plan.layers]
        self.categories = [category for layer in self.layers for category in layer.categories]
        self.window = Window()
        self._plan = plan
        self._fail_fast = fail_fast
        self._record = record
        self._stop: Halt | None = None
        self._stopped_layers: dict[str, str] = {}
        self._admission = Admission(plan, self.layers)
        self._decided = ""
        """why no further layer starts, after a layer whose strategy is to decide at its end"""

    def begin(self, now: float) -> None:
        self.window = Window().inner(now, self._plan.budget_seconds)

    @property
    def over(self) -> bool:
        return all(layer.ended for layer in self.layers)

    @property
    def last_window(self) -> Window:
        """The window of the layer that is open, or was last."""
        return next((layer.window for layer in reversed(self.layers) if layer.open), self.window)

    # -- stopping -------------------------------------------------------------------------------------------

    def stop(self, reason: StopReason, words: str, *, at_once: bool = False) -> None:
        """The run stops: no layer opens and no category starts anything more."""
        self._stop = Halt(reason, words, at_once, self.window)
        self._halt(self.categories, self._stop)

    def halt(self, scope: str, reason: StopReason, words: str, *, at_once: bool = False) -> None:
        """Stop one layer or category."""
        kind, _, name = scope.partition(":")
        if kind == "layer":
            self._stopped_layers.setdefault(name, words)
        self._halt((each for each in self.categories if covers(scope, each)), Halt(reason, words, at_once))

    @staticmethod
    def _halt(categories: Iterable[CategoryRun], halt: Halt) -> None:
        for category in categories:
            if not category.ended and (category.halt is None or category.halt.reason < halt.reason):
                category.halt = halt

    def keep_time(self, now: float) -> bool:
        """Stop what is out of time; True when the run itself is."""
        for layer in self.layers:
            if not layer.open or layer.ended:
                continue
            if now >= layer.window.work_until and self.window.work_until > layer.window.work_until:
                self._out_of_time(layer.categories, f"layer:{layer.id}", f"layer {layer.id}", layer.window)
            for category in layer.categories:
                window = category.window
                if category.open and now >= window.work_until and layer.window.work_until > window.work_until:
                    self._out_of_time(
                        [category], f"category:{category.name}", f"category {category.name}", window
                    )
        stopped = self._stop is not None and self._stop.reason >= StopReason.BUDGET
        return now >= self.window.work_until and not stopped and not self.over

    def _out_of_time(self, categories: list[CategoryRun], scope: str, name: str, window: Window) -> None:
        late = [each for each in categories if not each.ended]
        if all(each.halt is not None and each.halt.reason >= StopReason.BUDGET for each in late):
            return
        words = f"budget: {name} is out of time"
        self._halt(late, Halt(StopReason.BUDGET, words, window=window))
        self._record(f.CancelRequested(reason="budget", scope=scope, message=words))

    def next_time(self) -> float:
        """When the next scope runs out of time, or a pause is over."""
        soonest = self._admission.opens_at
        if soonest < math.inf:
            soonest = min(soonest, self.window.work_until)
        for layer in self.layers:
            if layer.open and not layer.ended:
                for category in layer.categories:
                    halt = category.halt
                    if not category.ended and (halt is None or halt.reason < StopReason.BUDGET):
                        window = category.window if category.open else layer.window
                        soonest = min(soonest, window.work_until)
        return soonest

    # -- opening and ending ---------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """End what is over, give up what is stopped, open what comes next."""
        progressed = True
        while progressed:
            progressed = False
            for layer in self.layers:
                if layer.ended:
                    continue
                if layer.open:
                    progressed |= self._end_what_is_over(layer, now)
                else:
                    progressed |= self._block(layer)
            progressed = progressed or self._open_what_may(now)

    def _end_what_is_over(self, layer: LayerRun, now: float) -> bool:
        progressed = False
        for category in layer.categories:
            if category.ended:
                continue
            if category.halt is not None:
                self._abandon(category, category.halt.words)
            if (category.open or category.halt is not None) and category.over:
                self._end_category(category, now)
                progressed = True
        if layer.over:
            self._end_layer(layer, now)
            progressed = True
        return progressed

    def _open_what_may(self, now: float) -> bool:
        progressed = False
        while (layer := self._admission.next_layer(now)) is not None:
            self._open_layer(layer, now)
            progressed = True
        while (category := self._admission.next_category(now)) is not None:
            kept = self._fail_fast.keeps_from_starting(category, self.categories)
            if kept:
                category.halt, category.kept = Halt(StopReason.FAILURES, kept), True
            else:
                self._open_category(category, self._layer_of(category), now)
            progressed = True
        return progressed

    def _layer_of(self, category: CategoryRun) -> LayerRun:
        return next(layer for layer in self.layers if layer.id == category.layer)

    def _end_layer(self, layer: LayerRun, now: float) -> None:
        layer.ended = True
        layer.status, reason = layer.outcome()
        seconds = now - layer.window.opened_at
        self._record(f.LayerFinished(layer=layer.id, status=layer.status, reason=reason, seconds=seconds))
        self._admission.layer_ended(now)
        self._decided = self._decided or self._fail_fast.after_layer(layer)

    def _blocked_by(self, layer: LayerRun) -> str:
        if self._stop is not None:
            return self._stop.words
        if layer.id in self._stopped_layers:
            return self._stopped_layers[layer.id]
        if self._decided:
            return self._decided
        for other in self.layers:
            if other.id in layer.plan.depends_on and other.ended and not other.serves_dependents:
                return f"layer {other.id}, which layer {layer.id} depends on, {_HOW_IT_ENDED[other.status]}"
        return ""

    def _block(self, layer: LayerRun) -> bool:
        """End a layer that will not start; False when it may yet."""
        reason = self._blocked_by(layer)
        if not reason:
            return False
        layer.ended, layer.status = True, "blocked"
        for category in layer.categories:
            category.kept = True
            self._abandon(category, f"not started: {reason}")
            self._block_category(category, reason)
        self._record(f.LayerFinished(layer=layer.id, status="blocked", reason=reason))
        return True

    def _open_layer(self, layer: LayerRun, now: float) -> None:
        layer.open = True
        layer.window = self.window.inner(now, layer.plan.budget_seconds)
        estimate = sum(each.pool.seconds for each in layer.categories) / max(1, self._plan.lanes)
        self._record(
            f.LayerStarted(
                layer=layer.id,
                name=layer.plan.name,
                tests=sum(each.tests for each in layer.categories),
                budget_seconds=layer.plan.budget_seconds,
                estimate_seconds=round(estimate, 3),
            )
        )

    def _open_category(self, category: CategoryRun, layer: LayerRun, now: float) -> None:
        category.open = True
        layer.begun += 1
        category.window = layer.window.inner(now, category.plan.budget_seconds)
        self._record(
            f.CategoryStarted(
                category=category.name,
                layer=category.layer,
                tests=category.tests,
                budget_seconds=category.plan.budget_seconds,
            )
        )

    def _end_category(self, category: CategoryRun, now: float) -> None:
        if not category.open:
            self._block_category(category, category.halt.words if category.halt is not None else "")
            return
        category.ended = True
        self._record(
            f.CategoryFinished(
                category=category.name,
                layer=category.layer,
                status=category.status(),
                reason=category.why_owed(),
                seconds=now - category.window.opened_at,
            )
        )

    def _block_category(self, category: CategoryRun, reason: str) -> None:
        category.ended = True
        blocked = f.CategoryFinished(
            category=category.name, layer=category.layer, status="blocked", reason=reason
        )
        self._record(blocked)

    def _abandon(self, category: CategoryRun, reason: str) -> None:
        for test in category.pool.drain():
            self.owe(category, test, reason)

    def owe(self, category: CategoryRun, test: str, reason: str) -> None:
        """One test of a category is neither executed nor will be; one that waited for a retry was, and stays bad."""
        if test in category.retrying:
            category.retrying.discard(test)
            category.executed += 1
            category.bad += 1
            return
        category.owed += 1
        self._record(f.TestOwed(test=test, category=category.name, layer=category.layer, reason=reason))
