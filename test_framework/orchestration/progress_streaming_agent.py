"""Decides who is told how a run goes: the console or JSON lines, and the reports asked for.

Rules: stdout carries the result, stderr everything else; a sink that fails is named and never changes a verdict.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from test_framework.core.run_state import RunState
from test_framework.model.facts import Stamped
from test_framework.model.outcome import Verdict
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.sinks.fan_out import FanOut
from test_framework.sinks.protocol import Sink


class ProgressStreamingAgent(OrchestrationAgentInterface):
    """Owns the run's sinks."""

    def __init__(
        self,
        progress_mode: str,
        *,
        verbose: bool,
        live: bool,
        run_directory: Path | None,
        junit_path: str | None,
        report_directory: str | None,
        on_failure: Callable[[str, str], None],
    ) -> None:
        sinks: list[Sink] = []
        if run_directory is not None:
            from test_framework.sinks.result import ResultFile

            sinks.append(ResultFile(run_directory / "result.json"))
        if junit_path is not None or report_directory is not None:
            from test_framework.sinks.junit import JunitFile

            place = (
                Path(junit_path) if junit_path is not None else Path(report_directory or ".") / "junit.xml"
            )
            sinks.append(JunitFile(place.absolute()))
        if progress_mode == "json":
            from test_framework.sinks.jsonl import JsonLines
            from test_framework.sinks.outlet import outlet_to

            sinks.append(JsonLines(outlet_to(sys.stdout)))
        elif progress_mode != "silent":
            from test_framework.sinks.console import open_console

            sinks.append(
                open_console(sys.stdout, live=live and progress_mode in ("console", "rich"), verbose=verbose)
            )
        self._sinks = sinks
        self._fan_out = FanOut(sinks, on_failure)

    async def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """{} -> the names of the run's sinks."""
        del request
        return {"sinks": [sink.name for sink in self._sinks]}

    def handle(self, stamped: Stamped, state: RunState) -> None:
        self._fan_out.handle(stamped, state)

    def tick(self, state: RunState) -> None:
        self._fan_out.tick(state)

    def close(self, state: RunState, verdict: Verdict) -> None:
        self._fan_out.close(state, verdict)
