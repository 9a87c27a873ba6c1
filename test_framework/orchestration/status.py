"""What is true of a run now, for anybody who asks, from any thread.

Rules: the state belongs to the run's own thread; here it is only read, and collections are copied in one step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from test_framework.core.run_state import RunState


def run_status(state: RunState, directory: Path | None) -> dict[str, Any]:
    """A run under way as plain values; seconds since it began."""
    started, stop = state.started, state.stop
    running = [test for test, _ in state.running.copy().values()]
    return {
        "run": state.run,
        "mode": started.mode if started is not None else "",
        "directory": str(directory) if directory is not None else None,
        "seconds": round(state.elapsed, 3),
        "phase": "collecting" if state.planned is None else "running",
        "collected": state.collected,
        "executed": state.executed,
        "failed": state.bad,
        "owed": len(state.owed),
        "running": running,
        "services": dict(state.services),
        "stopping": stop.name.lower() if stop is not None else None,
        "layers": {
            name: {
                "status": layer.status,
                "tests": layer.tests,
                "done": layer.done,
                "failed": layer.bad,
                "owed": layer.owed,
                "budget_seconds": layer.budget_seconds,
            }
            for name, layer in state.layers.copy().items()
        },
    }
