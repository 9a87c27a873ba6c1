"""Decides who is told how a run goes: the console or JSON lines, a host's WebSocket clients, and the reports asked for.

Rules: stdout carries the result, stderr everything else; a sink that fails is named and never changes a verdict.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from test_framework.core.run_state import RunState
from test_framework.core.verdict import Rules, judge
from test_framework.model import facts as f
from test_framework.model.errors import UserError
from test_framework.model.facts import Stamped
from test_framework.model.outcome import ExitCode, Verdict
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.records.runs import read_facts
from test_framework.sinks.fan_out import FanOut
from test_framework.sinks.protocol import Sink
from test_framework.sinks.websocket import AT_ONCE, WebSocketStream


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told of a recorded run."""

    run: str
    facts: int
    exit_code: int | None
    """None: the run has not ended, or its host died"""
    sinks: tuple[str, ...]
    failed: dict[str, str] = field(default_factory=dict)


class ProgressStreamingAgent(OrchestrationAgentInterface):
    """Owns a run's sinks; on its own it tells a recorded run again."""

    verb = "tell"

    def __init__(
        self,
        progress_mode: str = "silent",
        *,
        verbose: bool = False,
        live: bool = False,
        run_directory: Path | None = None,
        junit_path: str | None = None,
        report_directory: str | None = None,
        on_failure: Callable[[str, str], None] | None = None,
        sinks: Iterable[Sink] = (),
        websocket_manager: Any = None,
        thread_id: str | None = None,
    ) -> None:
        """`on_failure(sink, message)` hears of each sink that fails; `sinks` are those of hosts and plug-ins."""
        self._failed: dict[str, str] = {}
        self._hear_of_failure = on_failure
        found: list[Sink] = list(sinks)
        if run_directory is not None:
            from test_framework.sinks.result import ResultFile

            found.append(ResultFile(run_directory / "result.json"))
        if junit_path is not None or report_directory is not None:
            from test_framework.sinks.junit import JunitFile

            place = (
                Path(junit_path) if junit_path is not None else Path(report_directory or ".") / "junit.xml"
            )
            found.append(JunitFile(place.absolute()))
        if progress_mode == "json":
            from test_framework.sinks.jsonl import JsonLines
            from test_framework.sinks.outlet import outlet_to

            found.append(JsonLines(outlet_to(sys.stdout)))
        elif progress_mode not in ("silent", "websocket"):
            from test_framework.sinks.console import open_console

            found.append(
                open_console(sys.stdout, live=live and progress_mode in ("console", "rich"), verbose=verbose)
            )
        self._names = tuple(sink.name for sink in found)
        self._fan_out = FanOut(found, self._sink_failed)
        self._streams: list[WebSocketStream] = []
        self._streaming = self._closed = False
        self.stream_to(websocket_manager, thread_id)

    def _sink_failed(self, sink: str, message: str) -> None:
        self._failed[sink] = message
        if self._hear_of_failure is not None:
            self._hear_of_failure(sink, message)

    def get_health_status(self) -> dict[str, Any]:
        return {
            **super().get_health_status(),
            "healthy": not self._failed,
            "sinks": list(self.sinks),
            "failed": dict(self._failed),
        }

    @property
    def sinks(self) -> tuple[str, ...]:
        """The names of the sinks."""
        return (*self._names, *(stream.name for stream in self._streams[-1:]))

    def stream_to(self, manager: Any, thread_id: str | None) -> None:
        """From now on this manager hears of the run, and no other; None: nobody does."""
        stream = WebSocketStream(manager, thread_id, self._sink_failed) if manager is not None else None
        for former in self._streams:
            former.stop()
            self._fan_out.remove(former)
        if stream is not None:
            self._streams.append(stream)
            self._fan_out.add(stream)
            if self._streaming:
                stream.start()

    def start(self) -> None:
        """Streams may send from now on; called in the event loop."""
        self._streaming = True
        for stream in self._streams:
            stream.start()

    def handle(self, stamped: Stamped, state: RunState) -> None:
        self._fan_out.handle(stamped, state)

    def tick(self, state: RunState) -> None:
        self._fan_out.tick(state)

    async def drained(self) -> None:
        """Give streams a moment to send what waits, while what goes wrong can still be recorded."""
        for stream in self._streams:
            await stream.drained()

    async def close(self, state: RunState, verdict: Verdict) -> None:
        self._closed = True
        self._fan_out.close(state, verdict)
        for stream in self._streams:
            await stream.finish()

    def abandon(self) -> None:
        """Nothing is told, since nothing was run: reports stay unwritten."""
        for stream in self._streams:
            stream.stop()

    async def tell(self, run_directory: str | Path) -> Told:
        """Tell a recorded run to the sinks, as if it happened now. Raises `UserError` where there is none."""
        if self._closed:
            raise UserError("this agent has told a run and closed its sinks", "make another one")
        path = Path(run_directory) / "facts.jsonl"
        state, count = RunState(), 0
        self.start()
        try:
            for stamped in read_facts(path):
                state.run = stamped.run
                state.apply(stamped.fact, stamped.elapsed)
                self.handle(stamped, state)
                count += 1
                if (
                    count % AT_ONCE == 0
                ):  # nobody waits for it: let every fact be sent, and others have the loop
                    self.tick(state)
                    await self.drained()
                    await asyncio.sleep(0)
        except OSError as problem:
            raise UserError(f"{path}: {problem.strerror}", "name a directory below .apex/runs") from problem
        await self.drained()
        finished = state.finished
        verdict = _verdict_of(state, finished)
        await self.close(state, verdict)
        code = finished.exit_code if finished is not None else None
        return Told(run=state.run, facts=count, exit_code=code, sinks=self.sinks, failed=dict(self._failed))


def _verdict_of(state: RunState, finished: f.RunFinished | None) -> Verdict:
    """What the run's own host found, or what must be said of a run whose host died."""
    if finished is None:
        return judge(state, Rules(host_died=True))
    return Verdict(ExitCode(finished.exit_code), finished.reasons, state.ledger())
