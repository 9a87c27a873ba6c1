"""The fold: a run's state is what its facts add up to, and nothing else.

Rules: `apply` is the only writer; counters are kept, never recounted; replaying a run's file gives the same
state. Sinks, the verdict, status and reports read this and nothing else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN, Ledger, Outcome, StopReason


@dataclass(slots=True)
class Progress:
    """How far a layer or category is."""

    name: str
    tests: int = 0
    done: int = 0
    bad: int = 0
    owed: int = 0
    proven: int = 0
    status: str = "waiting"
    """waiting | running | passed | failed | stopped | timed_out | blocked | empty"""
    reason: str = ""
    started_at: float = 0.0
    """seconds since the run began"""
    seconds: float = 0.0
    budget_seconds: float | None = None
    estimate_seconds: float | None = None


@dataclass(slots=True)
class RunState:
    """What is known of a run so far."""

    run: str = ""
    started: f.RunStarted | None = None
    planned: f.RunPlanned | None = None
    finished: f.RunFinished | None = None
    elapsed: float = 0.0
    final: dict[str, Outcome] = field(default_factory=dict)
    """the latest attempt's outcome of each test that was attempted"""
    attempts: dict[str, int] = field(default_factory=dict)
    """attempts finished, only where there was more than one"""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    """counts over `final`"""
    owed: dict[str, str] = field(default_factory=dict)
    """test -> reason, in the order it became known"""
    owed_in_layers: Counter[str] = field(default_factory=Counter)
    proven: int = 0
    proven_in_layers: Counter[str] = field(default_factory=Counter)
    running: dict[str, tuple[str, float]] = field(default_factory=dict)
    """worker -> (test, elapsed seconds when it began)"""
    failures: dict[str, f.TestFinished] = field(default_factory=dict)
    """tests whose latest outcome is bad"""
    flaky: set[str] = field(default_factory=set)
    subtests_passed: int = 0
    subtests: list[f.SubtestFinished] = field(default_factory=list)
    collection_failures: list[f.CollectionFailed] = field(default_factory=list)
    warnings: list[f.WarningRecorded] = field(default_factory=list)
    warning_count: int = 0
    alerts: list[f.AlertRaised] = field(default_factory=list)
    broken_sinks: dict[str, str] = field(default_factory=dict)
    layers: dict[str, Progress] = field(default_factory=dict)
    categories: dict[tuple[str, str], Progress] = field(default_factory=dict)
    workers: dict[str, int] = field(default_factory=dict)
    """worker -> generation, those that live"""
    workers_lost: int = 0
    stop: StopReason | None = None
    stop_message: str = ""
    cancels: list[f.CancelRequested] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)
    """name -> starting | ready | stopped, or why it is unhealthy"""
    plugin_text: str = ""
    session_exit: int = 0

    @property
    def collected(self) -> int:
        return self.planned.collected if self.planned else 0

    @property
    def executed(self) -> int:
        """Tests with an outcome that says something about them."""
        return len(self.final) - sum(self.outcomes[outcome] for outcome in UNPROVEN)

    @property
    def bad(self) -> int:
        return len(self.failures)

    def ledger(self) -> Ledger:
        return Ledger(self.collected, self.executed, self.proven, len(self.owed))

    def apply(self, fact: f.Fact, elapsed: float = 0.0) -> None:
        """Fold one fact in. `elapsed`: monotonic seconds since the run began."""
        self.elapsed = max(self.elapsed, elapsed)
        match fact:
            case f.TestStarted():
                self.running[fact.worker] = (fact.test, elapsed)
            case f.TestFinished():
                self._test_finished(fact)
            case f.TestOwed() | f.CacheHit():
                self._not_run(fact)
            case f.SubtestFinished():
                self.subtests.append(fact)
            case f.WarningRecorded():
                self.warnings.append(fact)
                self.warning_count += fact.count
            case f.RunStarted():
                self.started = fact
            case f.RunPlanned():
                self.planned = fact
            case f.CollectionFailed():
                self.collection_failures.append(fact)
            case f.LayerStarted():
                layer = self.layers.setdefault(fact.layer, Progress(fact.layer))
                layer.name = fact.name or fact.layer
                layer.tests, layer.status, layer.started_at = fact.tests, "running", elapsed
                layer.budget_seconds, layer.estimate_seconds = fact.budget_seconds, fact.estimate_seconds
                layer.proven = self.proven_in_layers[fact.layer]
            case f.LayerFinished():
                layer = self.layers.setdefault(fact.layer, Progress(fact.layer))
                layer.status, layer.reason, layer.seconds = fact.status, fact.reason, fact.seconds
            case f.CategoryStarted():
                category = self._category(fact.layer, fact.category)
                category.tests, category.status, category.started_at = fact.tests, "running", elapsed
                category.budget_seconds = fact.budget_seconds
            case f.CategoryFinished():
                category = self._category(fact.layer, fact.category)
                category.status, category.reason, category.seconds = fact.status, fact.reason, fact.seconds
            case f.WorkerStarted():
                self.workers[fact.worker] = fact.generation
            case f.WorkerLost():
                self.workers.pop(fact.worker, None)
                self.running.pop(fact.worker, None)
                self.workers_lost += 1
            case f.CancelRequested():
                self._cancel(fact)
            case f.AlertRaised():
                self.alerts.append(fact)
            case f.SinkFailed():
                self.broken_sinks[fact.sink] = fact.message
            case f.PluginReported():
                self.plugin_text += fact.text
                self.session_exit = fact.exit_status or self.session_exit
            case f.RunFinished():
                self.finished = fact
            case _:
                self._service(fact)

    def _service(
        self, fact: f.ServiceStarting | f.ServiceReady | f.ServiceUnhealthy | f.ServiceStopped
    ) -> None:
        state = fact.reason if isinstance(fact, f.ServiceUnhealthy) else fact.WIRE_TYPE.partition(".")[2]
        self.services[fact.service] = state

    def _category(self, layer: str, category: str) -> Progress:
        return self.categories.setdefault((layer, category), Progress(category))

    def _test_finished(self, fact: f.TestFinished) -> None:
        running = self.running.get(fact.worker)
        if running is not None and running[0] == fact.test:
            del self.running[fact.worker]
        before = self.final.get(fact.test)
        if before is not None and before not in UNPROVEN and fact.outcome in UNPROVEN:
            return  # a retry that says nothing: the attempt before it stands
        if before is not None:
            self.outcomes[before] -= 1
            self.attempts[fact.test] = fact.attempt
            if before in BAD and fact.outcome is Outcome.PASSED and not fact.flags:
                self.flaky.add(fact.test)
        self.final[fact.test] = fact.outcome
        self.outcomes[fact.outcome] += 1
        self.subtests_passed += fact.subtests_passed
        if fact.outcome is Outcome.PASSED and before is None and not self.owed:
            newly_done, newly_bad = 1, 0
        else:
            newly_done, newly_bad = self._weigh(fact, before)
        layer = self.layers.get(fact.layer)
        if layer is not None:
            layer.done += newly_done
            layer.bad += newly_bad
        category = self.categories.get((fact.layer, fact.category))
        if category is not None:
            category.done += newly_done
            category.bad += newly_bad

    def _weigh(self, fact: f.TestFinished, before: Outcome | None) -> tuple[int, int]:
        """By how much the counts of decided and of bad tests change with this outcome."""
        was_bad, is_bad = before in BAD, fact.outcome in BAD
        was_decided = before is not None and before not in UNPROVEN
        is_decided = fact.outcome not in UNPROVEN
        if is_bad:
            self.failures[fact.test] = fact
        elif was_bad:
            del self.failures[fact.test]
        if is_decided and fact.test in self.owed:
            self._no_longer_owed(fact)
        return is_decided - was_decided, is_bad - was_bad

    def _no_longer_owed(self, fact: f.TestFinished) -> None:
        del self.owed[fact.test]
        self.owed_in_layers[fact.layer] -= 1
        for progress in (self.layers.get(fact.layer), self.categories.get((fact.layer, fact.category))):
            if progress is not None:
                progress.owed -= 1

    def _not_run(self, fact: f.TestOwed | f.CacheHit) -> None:
        if isinstance(fact, f.CacheHit):
            self.proven += 1
            self.proven_in_layers[fact.layer] += 1
            return
        if fact.test in self.owed:
            return
        self.owed[fact.test] = fact.reason
        self.owed_in_layers[fact.layer] += 1
        for progress in (self.layers.get(fact.layer), self.categories.get((fact.layer, fact.category))):
            if progress is not None:
                progress.owed += 1

    def _cancel(self, fact: f.CancelRequested) -> None:
        self.cancels.append(fact)
        if fact.scope != "run":
            return
        reason = StopReason[fact.reason.upper()]
        if self.stop is None or reason > self.stop:
            self.stop, self.stop_message = reason, fact.message
