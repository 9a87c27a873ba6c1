"""The controller: joins agents, engine, records and sinks for one run, and gives the verdict.

Rules: the only place that names concrete classes of the floor below; whatever happens, processes are reaped, the
journal is closed with `run.finished`, and the verdict is computed once.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from test_framework import __version__
from test_framework.core.planning import Known
from test_framework.core.run_state import RunState
from test_framework.core.selection import Wish
from test_framework.core.settings import Settings
from test_framework.core.verdict import Rules, judge
from test_framework.engine.executor import Collection
from test_framework.engine.journal import Journal
from test_framework.engine.output import OutputLog
from test_framework.engine.processes import Keeper, Zygote
from test_framework.engine.pytest_lanes import PytestLanes
from test_framework.engine.redaction import Redactor
from test_framework.engine.requests import LaneRequest
from test_framework.model import facts as f
from test_framework.model.errors import UserError
from test_framework.model.facts import Stamped
from test_framework.model.outcome import BAD, UNPROVEN, ExitCode, Verdict
from test_framework.orchestration.layer_execution_agent import LayerExecutionAgent
from test_framework.orchestration.progress_streaming_agent import ProgressStreamingAgent
from test_framework.orchestration.test_orchestrator_agent import Programme, TestOrchestratorAgent
from test_framework.records.last_run import LastRun
from test_framework.records.runs import RunDirectory, prune

SYNCHRONISE_SECONDS = 0.1


class OrchestrationMode(Enum):
    """The execution modes; a configured mode is a plain string."""

    FAST_FEEDBACK = "fast_feedback"
    NIGHTLY = "nightly"
    LEGACY = "legacy"


@dataclass(slots=True, kw_only=True)
class MasterOrchestrationConfig:
    """One run: what, where, with which interpreter, and who is told."""

    project_root: Path
    mode: str
    wish: Wish
    settings: Settings
    interpreter: str
    started: tuple[str, Keeper, Zygote]
    """run id, keeper and zygote, started before this module was imported"""
    pytest_args: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    isolation: str = "auto"
    tune_gc: bool = True
    measure_coverage: bool = True
    progress_mode: str = "simple"
    verbose: bool = False
    show_output: bool = False
    junit_path: str | None = None
    report_directory: str | None = None
    dry_run: bool = False
    notes: list[str] = field(default_factory=list)


class MasterOrchestrationController:
    """Runs one configuration."""

    def __init__(self, config: MasterOrchestrationConfig) -> None:
        self.config = config
        self.run_id, self._keeper, self._zygote = config.started
        self._directory: RunDirectory | None = None
        self._execution: LayerExecutionAgent | None = None
        self._seconds: dict[str, float] = {}
        self._cancelled: tuple[str, str] | None = None
        self._cancel_collecting: asyncio.Event | None = None

    # -- the run ----------------------------------------------------------------------------------------------

    async def execute_orchestration(self, execution_args: dict[str, Any]) -> dict[str, Any]:
        """Run; returns {"exit_code", "reasons", "run", "ledger"}. Raises `UserError` for what the user can mend."""
        del execution_args
        self._cancel_collecting = asyncio.Event()
        journal, progress = self._open_records()
        output = self._output()
        config = self.config
        request = LaneRequest(
            self.run_id,
            config.interpreter,
            config.pytest_args,
            isolation=config.isolation,
            tune_gc=config.tune_gc,
            measure_coverage=config.measure_coverage,
        )
        executor = PytestLanes(self._keeper, self._zygote, request, output)
        synchroniser = asyncio.create_task(_synchronise(journal))
        problem: UserError | None = None
        rules = Rules(legacy=config.wish.legacy and not config.wish.explicit_paths)
        try:
            journal.record(self._run_started())
            journal.flush()
            for note in self._notes():
                journal.record(f.AlertRaised(kind="degraded", message=note))
            known = self._known()
            collection = await self._collect(executor, journal)
            if collection is not None:
                orchestrator = TestOrchestratorAgent(config.settings, config.wish)
                programme = orchestrator.programme(collection, known, time.monotonic() - journal.began)
                rules = self._rules(programme)
                if config.dry_run or collection.collect_only:
                    return self._show_plan(programme)
                for fact in programme.facts:
                    journal.record(fact)
                journal.flush()
                self._execution = LayerExecutionAgent(
                    executor, journal, lambda: progress.tick(journal.state), config.settings.environment
                )
                if self._cancelled is not None:
                    journal.record(_cancel_fact(*self._cancelled))
                await self._execution.run(programme, collection)
        except UserError as error:
            problem = error
        finally:
            await executor.close()
            synchroniser.cancel()
            _finish_output(output, journal)
        if problem is not None and config.dry_run:
            raise problem
        verdict = self._finish(journal, progress, rules, problem)
        if problem is not None:
            raise problem
        return {
            "run": self.run_id,
            "exit_code": int(verdict.exit_code),
            "reasons": list(verdict.reasons),
            "ledger": {
                "collected": verdict.ledger.collected,
                "executed": verdict.ledger.executed,
                "proven": verdict.ledger.proven,
                "owed": verdict.ledger.owed,
            },
        }

    def cancel_execution(self, reason: str = "interrupt", message: str = "") -> None:
        """Stop the run; `reason` is the lower-case name of a StopReason. May be called at any time."""
        text = message or _CANCEL_WORDS.get(reason, reason)
        self._cancelled = (reason, text)
        if self._execution is not None and self._execution.cancel(reason, text):
            return
        if self._cancel_collecting is not None:
            self._cancel_collecting.set()

    async def _collect(self, executor: PytestLanes, journal: Journal) -> Collection | None:
        """What the project's pytest found; None when the run was cancelled before that."""
        collecting = asyncio.ensure_future(executor.collect())
        cancelled = asyncio.ensure_future(self._cancel_collecting.wait()) if self._cancel_collecting else None
        waiting = {collecting} if cancelled is None else {collecting, cancelled}
        try:
            limit = self.config.wish.run_timeout
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=limit)
            if collecting in done:
                return collecting.result()
            reason, text = self._cancelled or ("budget", "budget: the run's time was up while collecting")
            journal.record(_cancel_fact(reason, text))
            return None
        finally:
            for task in (collecting, cancelled):
                if task is not None and not task.done():
                    task.cancel()

    # -- parts ------------------------------------------------------------------------------------------------

    def _open_records(self) -> tuple[Journal, ProgressStreamingAgent]:
        config = self.config
        try:
            if not config.dry_run:
                self._directory = RunDirectory.create(config.project_root, self.run_id)
        except OSError as problem:
            config.notes.append(f"this run is not recorded: {problem}")
        directory = self._directory
        progress: ProgressStreamingAgent
        redactor = Redactor(os.environ)

        def publish(stamped: Stamped, state: RunState) -> None:
            fact = stamped.fact
            if type(fact) is f.TestFinished:
                self._seconds[fact.test] = fact.seconds
            progress.handle(stamped, state)

        journal = Journal(
            self.run_id,
            directory.facts_fd if directory is not None else None,
            publish,
            redactor,
        )
        progress = ProgressStreamingAgent(
            "silent" if config.dry_run else config.progress_mode,
            verbose=config.verbose,
            run_directory=directory.path if directory is not None else None,
            junit_path=config.junit_path,
            report_directory=config.report_directory,
            live=not config.show_output and config.isolation != "inline",
            on_failure=lambda sink, message: self._sink_failed(journal, sink, message),
        )
        return journal, progress

    @staticmethod
    def _sink_failed(journal: Journal, sink: str, message: str) -> None:
        """Record it; after `run.finished` nothing may be recorded, and stderr has to do."""
        if journal.state.finished is None:
            journal.record(f.SinkFailed(sink=sink, message=message))
        else:
            sys.stderr.write(f"apex: warning: {sink}: {message}\n")

    def _output(self) -> OutputLog:
        config = self.config
        show = None
        if config.show_output:
            stream = sys.stderr if config.progress_mode == "json" else sys.stdout

            def show(data: bytes) -> None:
                stream.buffer.write(data)
                stream.flush()

        path = self._directory.path / "output.log" if self._directory is not None else None
        return OutputLog(path, Redactor(os.environ), show)

    def _notes(self) -> list[str]:
        notes = list(self.config.notes)
        if self._directory is not None:
            notes += self._directory.notes
        return notes

    def _run_started(self) -> f.RunStarted:
        config = self.config
        layers = config.wish.layers
        return f.RunStarted(
            apex_version=__version__,
            project_root=str(config.project_root),
            mode=config.mode,
            environment=config.settings.environment,
            interpreter=config.interpreter,
            lanes=config.wish.lanes,
            layers=layers,
            budget_seconds=config.wish.run_timeout,
            arguments=config.arguments,
        )

    def _known(self) -> Known:
        if self._directory is None:
            return Known()
        record = LastRun.load(self._directory.path.parent.parent)
        return Known(record.seconds, record.failed, frozenset(record.whole))

    def _rules(self, programme: Programme) -> Rules:
        legacy = self.config.wish.legacy and not self.config.wish.explicit_paths
        return Rules(programme.planned.strict_layers, programme.planned.must_run, legacy)

    def _show_plan(self, programme: Programme) -> dict[str, Any]:
        from test_framework.orchestration.plan_text import plan_as_json, plan_as_text

        if self.config.progress_mode == "json":
            sys.stdout.write(plan_as_json(programme.planned) + "\n")
        else:
            sys.stdout.write("\n".join(plan_as_text(programme.planned, self.config.verbose)) + "\n")
        blocked = ExitCode.INTERRUPTED if programme.blocked else ExitCode.OK
        return {"run": self.run_id, "exit_code": int(blocked), "reasons": [], "ledger": {}}

    # -- the end ----------------------------------------------------------------------------------------------

    def _finish(
        self, journal: Journal, progress: ProgressStreamingAgent, rules: Rules, problem: UserError | None
    ) -> Verdict:
        state = journal.state
        if problem is None:
            verdict = judge(state, rules)
        else:
            verdict = Verdict(ExitCode(problem.exit_code), (problem.what,), state.ledger())
        ledger = verdict.ledger
        journal.record(
            f.RunFinished(
                exit_code=int(verdict.exit_code),
                reasons=verdict.reasons,
                seconds=round(journal.clock() - journal.began, 3),
                collected=ledger.collected,
                executed=ledger.executed,
                proven=ledger.proven,
                owed=ledger.owed,
                outcomes={outcome.value: count for outcome, count in state.outcomes.items() if count},
            )
        )
        journal.flush()
        self._remember(journal)
        journal.synchronise()
        progress.close(state, verdict)
        if self._directory is not None:
            self._directory.close()
        return verdict

    def _remember(self, journal: Journal) -> None:
        """Keep durations and failures for the next run's order; what cannot be kept is said, not fatal."""
        if self._directory is None:
            return
        base = self._directory.path.parent.parent
        outcomes = {
            test: outcome.value for test, outcome in journal.state.final.items() if outcome not in UNPROVEN
        }
        if not outcomes:
            return
        record = LastRun.load(base)
        record.merge(
            {test: self._seconds[test] for test in outcomes},
            outcomes,
            frozenset(outcome.value for outcome in BAD),
        )
        if self._execution is not None:
            record.whole |= self._execution.cut_badly
        try:
            record.save(base)
            prune(base / "runs")
        except OSError as problem:
            journal.record(f.SinkFailed(sink="last run", message=f"cannot be kept: {problem.strerror}"))


_CANCEL_WORDS = {
    "interrupt": "interrupted by the user",
    "second_interrupt": "interrupted twice by the user",
    "signal": "the run was told to end by a signal",
}


def _cancel_fact(reason: str, text: str) -> f.CancelRequested:
    return f.CancelRequested(reason=reason, scope="run", message=text)


def _finish_output(output: OutputLog, journal: Journal) -> None:
    try:
        output.finish()
    except OSError as problem:
        journal.record(f.SinkFailed(sink="output", message=f"cannot be written: {problem.strerror}"))


async def _synchronise(journal: Journal) -> None:
    """Make accepted results survive a power loss, at most a tenth of a second late."""
    while True:
        await asyncio.sleep(SYNCHRONISE_SECONDS)
        if journal.dirty:
            await asyncio.to_thread(journal.synchronise)
