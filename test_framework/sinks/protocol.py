"""The seam for everything that shows, stores or sends a run's facts.

Rules: `handle` is quick or queues; a sink that raises is switched off, named in a `sink.failed` fact, and
never changes a verdict.
"""

from __future__ import annotations

from typing import Protocol

from test_framework.core.run_state import RunState
from test_framework.model.facts import Stamped
from test_framework.model.outcome import Verdict


class Sink(Protocol):
    """A reader of a run."""

    name: str

    def handle(self, stamped: Stamped, state: RunState) -> None:
        """Take one fact; `state` has it folded in already. Called in order of `seq`."""

    def tick(self, state: RunState) -> None:
        """Called about ten times a second while the run goes on, so that time can be shown passing."""

    def close(self, state: RunState, verdict: Verdict) -> None:
        """The run is over; write what is left."""
