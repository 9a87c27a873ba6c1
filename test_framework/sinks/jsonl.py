"""The run as strict JSON lines: the same bytes as in the run's file, one fact a line, and nothing else.

Rules: until the first test has finished every fact is passed on at once, later ones in batches: at each tick,
or when `BATCH` bytes have come together.
"""

from __future__ import annotations

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.facts import Stamped
from test_framework.model.outcome import Verdict
from test_framework.sinks.outlet import Outlet

BATCH = 64 * 1024


class JsonLines:
    """Writes each fact's line to an outlet."""

    name = "json"

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._lines: list[bytes] = []
        self._bytes = 0
        self._at_once = True

    def handle(self, stamped: Stamped, state: RunState) -> None:
        del state
        self._lines.append(stamped.line)
        self._bytes += len(stamped.line)
        if self._at_once or self._bytes >= BATCH:
            self._at_once = self._at_once and type(stamped.fact) is not f.TestFinished
            self._flush()

    def tick(self, state: RunState) -> None:
        del state
        if self._lines:
            self._flush()

    def close(self, state: RunState, verdict: Verdict) -> None:
        del state, verdict
        self._flush()
        self._outlet.close()

    def _flush(self) -> None:
        self._lines.append(b"")
        data = b"\n".join(self._lines)
        self._lines.clear()
        self._bytes = 0
        self._outlet.write(data)
