"""`result.json` in the run's directory: the verdict in one small file, for those who do not read all the
facts.

Rules: written once, at close, in full or not at all; every number is the state's or the verdict's own.
Seconds are floats; `exit_code` is the command's exit code.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from test_framework.core.run_state import RunState
from test_framework.model.facts import Stamped
from test_framework.model.outcome import Verdict
from test_framework.sinks.whole_file import whole_file

VERSION = 1


class ResultFile:
    """Writes the run's result to `path` when the run is over."""

    name = "result"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started_at = ""

    def handle(self, stamped: Stamped, state: RunState) -> None:
        del state
        if not self._started_at:
            self._started_at = stamped.ts

    def tick(self, state: RunState) -> None:
        """Nothing is shown while the run goes on."""

    def close(self, state: RunState, verdict: Verdict) -> None:
        document = result(state, verdict, self._started_at)
        with whole_file(self._path) as stream:
            stream.write(json.dumps(document, indent=2).encode("ascii") + b"\n")


def result(state: RunState, verdict: Verdict, started_at: str = "") -> dict[str, Any]:
    """The document. `started_at`: RFC 3339 UTC."""
    started, planned = state.started, state.planned
    ledger = verdict.ledger
    return {
        "version": VERSION,
        "run": state.run,
        "apex_version": started.apex_version if started else "",
        "mode": started.mode if started else "",
        "started_at": started_at,
        "seconds": round(state.finished.seconds if state.finished else state.elapsed, 6),
        "exit_code": int(verdict.exit_code),
        "verdict": verdict.exit_code.name.lower(),
        "reasons": list(verdict.reasons),
        "ledger": {
            "executed": ledger.executed,
            "proven": ledger.proven,
            "owed": ledger.owed,
            "collected": ledger.collected,
        },
        "deselected": planned.deselected if planned else 0,
        "outcomes": {outcome.value: number for outcome, number in state.outcomes.items() if number},
        "flaky": sorted(state.flaky),
        "failed": list(state.failures),
        "collection_failures": [each.location for each in state.collection_failures],
        "owed": dict(Counter(state.owed.values())),
        "warnings": state.warning_count,
        "alerts": [each.message for each in state.alerts],
        "broken_sinks": dict(state.broken_sinks),
        "stopped": state.stop.name.lower() if state.stop is not None else None,
        "layers": [
            {
                "layer": layer,
                "status": progress.status,
                "reason": progress.reason,
                "tests": progress.tests,
                "done": progress.done,
                "failed": progress.bad,
                "owed": progress.owed,
                "proven": progress.proven,
                "seconds": round(progress.seconds, 6),
            }
            for layer, progress in state.layers.items()
        ],
    }
