"""Runs made of facts, and a terminal small enough to be read: what the sinks' tests have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from test_framework.core.run_state import RunState
from test_framework.core.verdict import Rules, judge
from test_framework.model import facts as f
from test_framework.model import wire
from test_framework.model.outcome import ExitCode, Ledger, Outcome, Verdict
from test_framework.sinks.console import Console
from test_framework.sinks.ctrf import CtrfFile
from test_framework.sinks.ink import Look
from test_framework.sinks.jsonl import JsonLines
from test_framework.sinks.junit import JunitFile
from test_framework.sinks.outlet import Outlet
from test_framework.sinks.result import ResultFile
from test_framework.sinks.websocket import WebSocketStream


class Story:
    """A run told fact by fact to its sinks, as the dispatcher does it; time passes when it is told to."""

    def __init__(self, *sinks: Any) -> None:
        self.sinks = list(sinks)
        self.state = RunState(run="run-1")
        self.now = 0.0
        self.told: list[f.Stamped] = []

    def clock(self) -> float:
        return 1000.0 + self.now

    def say(self, fact: f.Fact, after: float = 0.0) -> f.Fact:
        self.now += after
        seq, ts = len(self.told), "2026-01-02T03:04:05.678Z"
        line = wire.encode(seq, ts, self.now, "run-1", fact)
        self.state.apply(fact, self.now)
        stamped = f.Stamped(seq=seq, ts=ts, elapsed=self.now, run="run-1", fact=fact, line=line)
        self.told.append(stamped)
        for sink in self.sinks:
            sink.handle(stamped, self.state)
        return fact

    def wait(self, seconds: float) -> None:
        """Let time pass, ten ticks a second."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            for sink in self.sinks:
                sink.tick(self.state)

    def begin(self, tests: int, layer: str = "fast_feedback", **planned: Any) -> None:
        self.say(
            f.RunStarted(
                apex_version="0.1.0",
                project_root="/home/me/farm",
                mode="fast_feedback",
                environment="test",
                interpreter="/usr/bin/python3",
                lanes=2,
                layers=(layer,),
            )
        )
        self.say(
            f.RunPlanned(
                collected=tests,
                planned=tests,
                collection_seconds=0.4,
                python_version="3.13.0",
                pytest_version="9.2.0",
                **planned,
            ),
            after=0.4,
        )
        self.say(f.LayerStarted(layer=layer, tests=tests, budget_seconds=120.0))

    def start(self, test: str, worker: str = "gw0", attempt: int = 1, layer: str = "fast_feedback") -> None:
        self.say(f.TestStarted(test=test, attempt=attempt, category="unit", layer=layer, worker=worker))

    def end(self, test: str, outcome: Outcome = Outcome.PASSED, **more: Any) -> f.TestFinished:
        values: dict[str, Any] = {
            "attempt": 1,
            "category": "unit",
            "layer": "fast_feedback",
            "worker": "gw0",
            "seconds": 0.25,
        }
        fact = f.TestFinished(test=test, outcome=outcome, **{**values, **more})
        self.say(fact)
        return fact

    def owe(self, test: str, reason: str, category: str = "unit") -> None:
        self.say(f.TestOwed(test=test, category=category, layer="fast_feedback", reason=reason))

    def finish(self, status: str = "passed", layer: str = "fast_feedback") -> Verdict:
        seconds = self.now - self.state.layers[layer].started_at
        self.say(f.LayerFinished(layer=layer, status=status, seconds=seconds))
        verdict = judge(self.state, Rules())
        self.say(f.RunFinished(exit_code=verdict.exit_code, reasons=verdict.reasons, seconds=self.now))
        for sink in self.sinks:
            sink.close(self.state, verdict)
        return verdict


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def new_story() -> type[Story]:
    """For tests that tell several runs."""
    return Story


class Terminal:
    """Rows of a terminal of endless height, fed with bytes; knows what the console may send, no more."""

    _TOKEN = re.compile(r"\x1b\[\?2026[hl]|\x1b\[(\d+)A|\x1b\[([JK])|\x1b\[[0-9;]*m|\r|\n|[^\x1b\r\n]|\x1b")

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows = [""]
        self.row = 0
        self.column = 0

    def feed(self, data: bytes) -> None:
        for match in self._TOKEN.finditer(data.decode()):
            token = match.group()
            if token == "\x1b":
                raise AssertionError(f"unknown escape sequence at {data[match.start() :][:20]!r}")
            if match[1]:
                self.row = max(self.row - int(match[1]), 0)
            elif match[2] == "K":
                self.rows[self.row] = self.rows[self.row][: self.column]
            elif match[2] == "J":
                self.rows[self.row :] = [self.rows[self.row][: self.column]]
            elif token == "\r":
                self.column = 0
            elif token == "\n":
                self._down()
            elif len(token) == 1:
                self._put(token)

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append("")

    def _put(self, character: str) -> None:
        if self.column == self.columns:
            self._down()
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
        self.column += 1

    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows).rstrip("\n")


@pytest.fixture
def new_terminal() -> type[Terminal]:
    return Terminal


class Bytes(Outlet):
    """An outlet that keeps what it is given, in this thread."""

    def __init__(self) -> None:
        super().__init__(lambda data: None)
        self.data = b""
        self.writes = 0
        self.closed = False

    def write(self, data: bytes) -> None:
        self.data += data
        self.writes += 1

    def close(self) -> None:
        self.closed = True

    def text(self) -> str:
        return self.data.decode()


@pytest.fixture
def outlet() -> Bytes:
    return Bytes()


@pytest.fixture
def every_fact() -> Callable[[str], Iterator[f.Fact]]:
    """One fact of each kind and outcome, with the given text wherever text may stand."""
    return _every_fact


def _every_fact(text: str) -> Iterator[f.Fact]:
    yield f.RunStarted(
        apex_version="0.1.0",
        project_root=f"/{text}",
        mode=text,
        environment=text,
        interpreter=text,
        layers=("one", "two"),
        budget_seconds=60.0,
    )
    yield f.WorkerStarted(worker="gw0", generation=1, pid=1)
    yield f.RunPlanned(
        collected=13, planned=12, deselected=1, isolation="spawn", isolation_reason=text, notes=(text,)
    )
    yield f.CollectionFailed(location=text, message=text, detail=text)
    yield f.LayerStarted(layer="one", name=text, tests=11, budget_seconds=5.0, estimate_seconds=2.0)
    yield f.CategoryStarted(category="unit", layer="one", tests=11)
    for place, outcome in enumerate(Outcome):
        test = f"tests/test_{place}.py::{text}"
        yield f.TestStarted(test=test, attempt=1, category="unit", layer="one", worker="gw0")
        yield f.TestFinished(
            test=test,
            attempt=1,
            outcome=outcome,
            category="unit",
            layer="one",
            worker="gw0",
            seconds=0.5,
            location=f"{text}:3",
            message=text,
            detail=text,
            phase="setup",
            sections=(("Captured stdout call", text), (text, text)),
            properties=((text, text),),
            output=text,
        )
        yield f.SubtestFinished(
            test=test, attempt=1, description=text, outcome=outcome, message=text, detail=text
        )
    retried = f"tests/test_1.py::{text}"
    yield f.TestFinished(
        test=retried,
        attempt=2,
        outcome=Outcome.PASSED,
        category="unit",
        layer="one",
        worker="gw0",
        seconds=0.1,
    )
    yield f.WorkerLost(worker="gw0", generation=1, reason=text)
    yield f.TestOwed(test="tests/test_9.py::" + text, category=text, layer="one", reason=text)
    yield f.TestOwed(test="tests/test_10.py::" + text, category=text, layer="one", reason=text)
    yield f.TestOwed(test="tests/test_99.py::" + text, category="unit", layer="one", reason=text)
    yield f.WarningRecorded(category=text, message=text, when="runtest", test=text, location=text)
    yield f.AlertRaised(kind=text, message=text, detail=text)
    yield f.SinkFailed(sink=text, message=text)
    yield f.ServiceStarting(service=text)
    yield f.ServiceReady(service=text, provider=text, address=text, seconds=1.0)
    yield f.ServiceUnhealthy(service=text, reason=text, detail=text)
    yield f.ServiceStopped(service=text)
    yield f.CategoryFinished(category="unit", layer="one", status="failed", reason=text)
    yield f.LayerFinished(layer="one", status="failed", reason=text, seconds=1.0)
    yield f.CancelRequested(reason="interrupt", message=text)
    yield f.PluginReported(text=text)


class Everybody:
    async def broadcast(self, message: dict[str, Any]) -> None:
        """Nobody listens."""


@pytest.fixture(params=["console", "live console", "json lines", "junit", "ctrf", "result", "websocket"])
def sink(request: pytest.FixtureRequest, outlet: Bytes, tmp_path: Path) -> Any:
    """Each kind of sink there is, one after another."""
    match request.param:
        case "console":
            return Console(outlet, Look(width=100))
        case "live console":
            return Console(outlet, Look(width=100, colour=True), live=True, size=lambda: (100, 24))
        case "json lines":
            return JsonLines(outlet)
        case "junit":
            return JunitFile(tmp_path / "reports" / "junit.xml")
        case "ctrf":
            return CtrfFile(tmp_path / "reports" / "ctrf.json")
        case "websocket":
            return WebSocketStream(Everybody(), None, on_failure=lambda *failure: None)
        case _:
            return ResultFile(tmp_path / "run" / "result.json")


@pytest.fixture
def some_verdict() -> Verdict:
    return Verdict(exit_code=ExitCode.FAILED, reasons=("1 failed",), ledger=Ledger(1, 1, 0, 0))
