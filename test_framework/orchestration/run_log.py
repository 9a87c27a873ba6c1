"""A run in the production log: what a person looks for there, one line a fact; passing tests are only counted.

Rules: facts come redacted; writing is the monitor's own thread's; a log that cannot be written changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.facts import Stamped
from test_framework.model.outcome import BAD, Outcome, Verdict
from test_framework.orchestration.preparation import Preparation
from test_framework.orchestration.production_monitoring import ProductionMonitor, create_production_monitor

COMPONENT = "MasterController"
FOLDER = Path("logs", "orchestration")
_TOLD = {
    f.RunStarted: ("info", ("mode", "environment", "lanes", "revision")),
    f.RunPlanned: ("info", ("collected", "planned", "estimate_seconds")),
    f.LayerStarted: ("info", ("layer", "tests", "budget_seconds")),
    f.LayerFinished: ("info", ("layer", "status", "reason", "seconds")),
    f.CategoryFinished: ("info", ("layer", "category", "status", "reason", "seconds")),
    f.WorkerLost: ("warning", ("worker", "reason", "test")),
    f.ServiceStarting: ("info", ("service",)),
    f.ServiceReady: ("info", ("service", "provider", "address", "seconds")),
    f.ServiceUnhealthy: ("error", ("service", "reason")),
    f.ServiceStopped: ("info", ("service",)),
    f.CancelRequested: ("warning", ("scope", "reason", "message")),
    f.AlertRaised: ("warning", ("kind", "message")),
    f.SinkFailed: ("warning", ("sink", "message")),
    f.CollectionFailed: ("error", ("location", "message")),
}


class RunLog:
    """The sink of one run."""

    name = "production-log"

    def __init__(self, monitor: ProductionMonitor) -> None:
        self._monitor = monitor

    def handle(self, stamped: Stamped, state: RunState) -> None:
        del state
        fact = stamped.fact
        if isinstance(fact, f.TestFinished):
            if fact.outcome in BAD or fact.outcome is Outcome.LOST:
                self._tell(
                    "error", stamped, fact, ("test", "layer", "category", "outcome", "attempt", "message")
                )
            return
        told = _TOLD.get(type(fact))
        if told is not None:
            self._tell(told[0], stamped, fact, told[1])

    def _tell(self, level: str, stamped: Stamped, fact: Any, names: tuple[str, ...]) -> None:
        values = {name: getattr(fact, name) for name in names}
        self._monitor.log(fact.WIRE_TYPE, level, run=stamped.run, seq=stamped.seq, **values)

    def tick(self, state: RunState) -> None:
        """Nothing is shown while the run goes on."""

    def close(self, state: RunState, verdict: Verdict) -> None:
        """The verdict, and an end of the writing."""
        ledger = verdict.ledger
        self._monitor.log(
            "run.finished", "info" if verdict.green else "error", run=state.run, exit_code=int(verdict.exit_code),
            reasons=list(verdict.reasons), seconds=round(state.elapsed, 3), collected=ledger.collected,
            executed=ledger.executed, proven=ledger.proven, owed=ledger.owed, flaky=len(state.flaky),
            outcomes={outcome.value: count for outcome, count in state.outcomes.items() if count},
        )  # fmt: skip
        self._monitor.close()


def run_logs(preparation: Preparation) -> list[RunLog]:
    """The log of an orchestrated run, one in layers; none of the old runner's way, or of a plan that is only shown."""
    if preparation.options.dry_run or preparation.wish.legacy:
        return []
    return [RunLog(create_production_monitor(COMPONENT, preparation.project_root / FOLDER))]
