"""One run: joins agents, engine, records and sinks, from the started interpreter to the verdict.

Rules: whatever happens, processes are reaped, the journal is closed with `run.finished`, and the verdict is computed
once. Everything happens in the event loop that `execute` runs in; no signal handler is touched.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from test_framework import __version__
from test_framework.core.proof import Proven
from test_framework.core.run_state import RunState
from test_framework.core.verdict import Rules, judge
from test_framework.engine.executor import Collection, Executor
from test_framework.engine.gathering import only_collects
from test_framework.engine.journal import Journal, synchronise_regularly
from test_framework.engine.output import OutputLog
from test_framework.engine.redaction import Redactor
from test_framework.engine.requests import LaneRequest
from test_framework.model import facts as f
from test_framework.model.errors import UserError
from test_framework.model.facts import Stamped
from test_framework.model.outcome import ExitCode, StopReason, Verdict
from test_framework.orchestration.bookkeeping import Bookkeeping
from test_framework.orchestration.collecting import collected
from test_framework.orchestration.extensions import Extensions
from test_framework.orchestration.layer_execution_agent import LayerExecutionAgent
from test_framework.orchestration.plan_text import show_plan
from test_framework.orchestration.preparation import Started
from test_framework.orchestration.progress_streaming_agent import ProgressStreamingAgent
from test_framework.orchestration.recording import open_recording
from test_framework.orchestration.reports import further_sinks
from test_framework.orchestration.selecting import left_out
from test_framework.orchestration.serving import serving_of
from test_framework.orchestration.stopping import cancel_fact
from test_framework.orchestration.test_orchestrator_agent import Programme, TestOrchestratorAgent
from test_framework.records.checkout import Checkout
from test_framework.records.dependency_file import DependencyFile
from test_framework.records.runs import RunDirectory
from test_framework.sinks.protocol import Sink
from test_framework.sinks.result import result


class Run:
    """Carries out one preparation whose interpreter was started."""

    def __init__(
        self,
        started: Started,
        *,
        progress_mode: str,
        sinks: Sequence[Sink] = (),
        websocket: tuple[Any, str | None] = (None, None),
        extensions: Extensions | None = None,
    ) -> None:
        self.preparation = started.preparation
        self.options = started.preparation.options
        self.run_id = started.run
        self.directory: RunDirectory | None = None
        self._started = started
        self._progress_mode = progress_mode
        self._told_notes = [*started.preparation.notes]
        self._execution: LayerExecutionAgent | None = None
        self._recording: DependencyFile | None = None
        self._proving = started.proving
        self._extensions = extensions or Extensions()
        self._make_executor = self._extensions.executor(self.options.executor)
        self._started_at = ""
        self._cancelled: tuple[str, str] | None = None
        self._cancel_collecting = asyncio.Event()
        self.redactor = Redactor(os.environ)
        try:
            self.journal, self.progress = self._open_records(sinks, websocket)
        except BaseException:
            self._close_directory()
            raise
        self.books = Bookkeeping(started, self.path)
        self._serving = serving_of(
            started.preparation, self.path, self.journal, self.redactor, self._extensions
        )

    @property
    def state(self) -> RunState:
        return self.journal.state

    @property
    def path(self) -> Path | None:
        """The run's directory; None when nothing is recorded."""
        return self.directory.path if self.directory is not None else None

    # -- the run ----------------------------------------------------------------------------------------------

    async def execute(self) -> dict[str, Any]:
        """Run to the end; see `answer` for what comes back. Raises `UserError` for what the user can mend."""
        journal, progress = self.journal, self.progress
        output = self._output()
        preparation = self.preparation
        arguments, notes = preparation.pytest_args, self._notes()
        serving, early = self._serving, bool(self._serving.needs.services)
        if early:
            journal.record(self._run_started(await self.books.seen()))
            await serving.open(self._cancel_collecting)
        if self._proving is not None:
            notes += await asyncio.to_thread(self._proving.recollect, self.books.base)
            arguments = self._proving.arguments()
        request = LaneRequest(
            self.run_id,
            preparation.interpreter,
            arguments,
            isolation=preparation.isolation,
            tune_gc=not self.options.no_gc_tuning,
            measure_coverage=not self.options.no_coverage,
            record=preparation.records and self.directory is not None,
            variables=serving.variables,
        )
        executor = self._make_executor(self._started.keeper, self._started.zygote, request, output)
        synchroniser = asyncio.create_task(synchronise_regularly(journal))
        problem: BaseException | None = None
        plan: dict[str, Any] | None = None
        rules = Rules(legacy=self._legacy)
        progress.start()
        try:
            if not early:
                journal.record(self._run_started(await self.books.seen()))
            journal.flush()
            self._say_degraded(notes)
            serving.refuse()
            known, notes = await self.books.known()
            self._say_degraded(notes)
            collection = await self._collect(executor)
            if collection is not None:
                orchestrator = TestOrchestratorAgent(preparation.settings, preparation.wish)
                collected_after = time.monotonic() - journal.began
                proofs: Mapping[str, Proven] = {}
                if self._proving is not None:
                    known, proofs = self._proving.proofs(collection, known, self.run_id)
                    unreached, why = await asyncio.to_thread(self._proving.unreached, collection)
                    known = replace(known, unreached=unreached)
                    self._say_degraded([why] if why else [])
                if selectors := self._extensions.selectors:
                    unselected, why_not = await asyncio.to_thread(
                        left_out, selectors, collection.tests, known
                    )
                    known = replace(known, unselected=unselected)
                    self._say_degraded(why_not)
                known = replace(known, unserved=serving.unserved, notes=serving.needs.notes)
                programme = orchestrator.programme(collection, known, collected_after, proofs)
                rules = self._rules(programme)
                if collection.collect_only and not self.options.dry_run:
                    raise only_collects()
                if self.options.dry_run:
                    shown = show_plan(programme.planned, self._progress_mode, self.options.verbose)
                    plan = {**shown, "blocked": programme.blocked}
                else:
                    await self._run_programme(executor, programme, collection)
        except UserError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - our bug: the record says so before it is raised again
            problem = error
            text = f"internal error: {type(error).__name__}: {error}"
            journal.record(cancel_fact(StopReason.INTERNAL_ERROR.name.lower(), text))
        except asyncio.CancelledError as error:  # the loop itself is being closed: no time for a gentle end
            problem = error
            journal.record(cancel_fact(StopReason.INTERRUPT.name.lower(), "the run's task was cancelled"))
        finally:
            await executor.close()
            await serving.close()
            synchroniser.cancel()
            _finish_output(output, journal)
        return await self._end(rules, plan, problem)

    async def _run_programme(self, executor: Executor, programme: Programme, collection: Collection) -> None:
        for fact in programme.facts:
            self.journal.record(fact)
        self.journal.flush()
        self._recording = open_recording(self.path, self.preparation, collection)
        if self._recording is not None:
            self._say_degraded(
                f"later runs can prove none of these tests: {why}" for why in self._recording.unprovable
            )
        self._execution = LayerExecutionAgent(
            executor,
            self.journal,
            lambda: self.progress.tick(self.state),
            self.preparation.settings.environment,
            recording=self._recording,
            weigh=self._serving.weigh,
        )
        if self._cancelled is not None:
            self.journal.record(cancel_fact(*self._cancelled))
        await self._execution.run(programme, collection)

    def cancel(self, reason: str, message: str) -> None:
        """Stop the run; `reason` is the lower-case name of a StopReason. In the run's own thread, at any time."""
        self._cancelled = (reason, message)
        if self._execution is None or not self._execution.cancel(reason, message):
            self._cancel_collecting.set()

    async def _collect(self, executor: Executor) -> Collection | None:
        collection = await collected(executor, self._cancel_collecting, self.options.run_timeout)
        if collection is None:
            reason, text = self._cancelled or ("budget", "budget: the run's time was up while collecting")
            self.journal.record(cancel_fact(reason, text))
        return collection

    # -- parts ------------------------------------------------------------------------------------------------

    def _open_records(
        self, sinks: Sequence[Sink], websocket: tuple[Any, str | None]
    ) -> tuple[Journal, ProgressStreamingAgent]:
        options = self.options
        try:
            if not options.dry_run:
                self.directory = RunDirectory.create(self.preparation.project_root, self.run_id)
        except OSError as problem:
            self._told_notes.append(f"this run is not recorded: {problem}")
        directory = self.directory

        def publish(stamped: Stamped, state: RunState) -> None:
            self._started_at = self._started_at or stamped.ts
            progress.handle(stamped, state)
            self.books.account.take(stamped.fact)

        journal = Journal(
            self.run_id,
            directory.facts_fd if directory is not None else None,
            publish,
            self.redactor,
        )
        progress = ProgressStreamingAgent(
            "silent" if options.dry_run else self._progress_mode,
            verbose=options.verbose,
            run_directory=self.path,
            junit_path=None if options.dry_run else options.junitxml,
            report_directory=None if options.dry_run else options.output,
            live=not options.no_capture and not options.pdb,
            on_failure=self._sink_failed,
            sinks=[*sinks, *further_sinks(self.preparation)],
            websocket_manager=websocket[0],
            thread_id=websocket[1],
        )
        return journal, progress

    def _sink_failed(self, sink: str, message: str) -> None:
        """Record it; after `run.finished` nothing may be recorded, and stderr has to do."""
        if self.state.finished is None:
            self.journal.record(f.SinkFailed(sink=sink, message=message))
        else:
            sys.stderr.write(f"apex: warning: {sink}: {message}\n")

    def _output(self) -> OutputLog:
        show = None
        if self.options.no_capture:
            stream = sys.stderr if self._progress_mode == "json" else sys.stdout

            def show(data: bytes) -> None:
                stream.buffer.write(data)
                stream.flush()

        path = self.path / "output.log" if self.path is not None else None
        return OutputLog(path, self.redactor, show)

    def _notes(self) -> list[str]:
        return self._told_notes + (self.directory.notes if self.directory is not None else [])

    def _run_started(self, checkout: Checkout) -> f.RunStarted:
        preparation = self.preparation
        return f.RunStarted(
            apex_version=__version__,
            project_root=str(preparation.project_root),
            mode=preparation.mode,
            environment=preparation.settings.environment,
            interpreter=preparation.interpreter,
            lanes=preparation.wish.lanes,
            layers=preparation.wish.layers,
            budget_seconds=preparation.wish.run_timeout,
            arguments=preparation.arguments,
            revision=checkout.revision,
            tree=checkout.tree,
            dirty=checkout.dirty,
        )

    def _say_degraded(self, notes: Iterable[str]) -> None:
        for note in notes:
            self.journal.record(f.AlertRaised(kind="degraded", message=note))

    @property
    def _legacy(self) -> bool:
        wish = self.preparation.wish
        return wish.legacy and not wish.explicit_paths

    def _rules(self, programme: Programme) -> Rules:
        options = self.options
        return Rules(
            programme.planned.strict_layers,
            programme.planned.must_run,
            self._legacy,
            no_tests_is_fine=bool(options.only_changed or (options.shard and programme.planned.deselected)),
            flaky_fails=options.flaky_result == "fail",
            environment=self._serving.why_owed(programme.planned.owed),
        )

    # -- the end ----------------------------------------------------------------------------------------------

    async def _end(
        self, rules: Rules, plan: dict[str, Any] | None, problem: BaseException | None
    ) -> dict[str, Any]:
        if plan is not None or self.options.dry_run:
            self.progress.abandon()
            self._close_directory()
            if problem is not None:
                raise problem
            blocked = bool(plan and plan["blocked"])
            code = ExitCode.INTERRUPTED if blocked or plan is None else ExitCode.OK
            return {
                "run": self.run_id,
                "success": not blocked,
                "exit_code": int(code),
                "reasons": [],
                "plan": plan,
            }
        verdict = await self._finish(rules, problem)
        if problem is not None:
            raise problem
        return self.answer(verdict)

    def answer(self, verdict: Verdict) -> dict[str, Any]:
        """The result as plain values: that of result.json, and each failure with its message."""
        state = self.state
        return {
            **result(state, verdict, self._started_at),
            "success": verdict.green,
            "directory": str(self.path) if self.path is not None else None,
            "failures": [
                {"test": fact.test, "outcome": fact.outcome.value, "message": fact.message}
                for fact in state.failures.values()
            ],
        }

    async def _finish(self, rules: Rules, problem: BaseException | None) -> Verdict:
        journal, state = self.journal, self.state
        journal.flush()
        await self.progress.drained()
        if isinstance(problem, UserError):
            verdict = Verdict(ExitCode(problem.exit_code), (problem.what,), state.ledger())
        else:
            verdict = judge(state, rules)
        ledger = verdict.ledger
        if self._recording is not None:
            trouble = await asyncio.to_thread(self._recording.close, problem is None)
            if trouble:
                journal.record(f.SinkFailed(sink="dependencies", message=trouble))
        self._say_degraded(await self.books.tidied())
        for alert in self._proving.compared(state) if self._proving is not None else ():
            journal.record(alert)
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
        await asyncio.to_thread(journal.synchronise)
        await self.progress.close(state, verdict)
        if problem is None:
            for note in await self.books.close(state):
                sys.stderr.write(f"apex: warning: {note}\n")
        self._close_directory()
        return verdict

    def _close_directory(self) -> None:
        if self.directory is not None:
            self.directory.close()


def _finish_output(output: OutputLog, journal: Journal) -> None:
    try:
        output.finish()
    except OSError as problem:
        journal.record(f.SinkFailed(sink="output", message=f"cannot be written: {problem.strerror}"))
