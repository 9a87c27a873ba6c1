"""Carries out a programme on an executor: layers in order, under their deadlines, and the owed named.

Rules: the scheduler decides and the dispatcher does; this agent joins them to a journal and knows when the run's own
pytest session may end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from test_framework.core.second_look import MOST_SECONDS, second_look
from test_framework.engine.dispatcher import CONTENDED, Dispatcher
from test_framework.engine.executor import Collection, Executor, Recording
from test_framework.engine.journal import Journal
from test_framework.model import facts as f
from test_framework.model.outcome import StopReason
from test_framework.model.plan import Plan, TestInfo
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.orchestration.test_orchestrator_agent import ERRORS_REASON, Programme

FRESH_SECONDS = 0.25
"""A recorded test depends on all that ran in its process. A fresh process costs some 10 ms, so each runs this long."""


class LayerExecutionAgent(OrchestrationAgentInterface):
    """Runs the layers of one programme."""

    verb = "execution"

    def __init__(
        self,
        executor: Executor | None = None,
        journal: Journal | None = None,
        on_tick: Callable[[], None] | None = None,
        environment: str = "test",
        *,
        project_root: str | None = None,
        recording: Recording | None = None,
    ) -> None:
        """Executor and journal of a run; without them the agent makes runs of its own in the project."""
        self._executor = executor
        self._journal = journal
        self._on_tick = on_tick or _nothing
        self._environment = environment
        self._project_root = project_root
        self._recording = recording
        self._fresh_seconds: float | None = None
        self._renews_lanes = True
        self._dispatcher: Dispatcher | None = None

    @property
    def executor(self) -> Executor:
        if self._executor is None:
            raise RuntimeError("this agent belongs to no run")
        return self._executor

    @property
    def journal(self) -> Journal:
        if self._journal is None:
            raise RuntimeError("this agent belongs to no run")
        return self._journal

    async def execution(self, layers: Sequence[str]) -> dict[str, Any]:
        """Run these layers of the project; the answer is that of a controller's `execute_orchestration`."""
        if self.controller is not None:
            answer: dict[str, Any] = await self.controller.execute_orchestration(layers=layers)
            return answer
        from test_framework.orchestration.master_orchestration_controller import create_legacy_controller

        async with create_legacy_controller(project_root=self._project_root) as controller:
            return await controller.execute_orchestration(layers=layers)

    async def run(self, programme: Programme, collection: Collection) -> None:
        """Run everything that was planned; returns when nothing runs and nothing is left."""
        if programme.blocked:
            self._owe_everything(programme)
            return
        tests = {test.id: test for test in collection.tests}
        self._renews_lanes = collection.isolation != "inline"
        if self._recording is not None and collection.isolation == "fork":
            self._fresh_seconds = FRESH_SECONDS
        self._dispatcher = self._dispatch(programme.planned.plan, tests)
        await self._dispatcher.run()
        await self._look_again(programme, tests)
        ended = await self.executor.end_session(self.journal.state.bad)
        self.journal.record(f.PluginReported(text=ended.text, exit_status=ended.status))
        self.journal.flush()

    def _dispatch(
        self, plan: Plan, tests: Mapping[str, TestInfo], suspects: frozenset[str] | None = None
    ) -> Dispatcher:
        return Dispatcher(
            replace(plan, fresh_seconds=self._fresh_seconds, renews_lanes=self._renews_lanes),
            tests,
            self.executor,
            self.journal,
            self._on_tick,
            self._environment,
            suspects,
            self._recording,
        )

    async def _look_again(self, programme: Programme, tests: Mapping[str, TestInfo]) -> None:
        """Tests that failed in a piece of their module are judged again in pytest's own order."""
        state = self.journal.state
        if self._dispatcher is None or state.stop not in (None, StopReason.FAILURES):
            return
        look = second_look(programme.planned.plan, self._dispatcher.bad_apart())
        if look is None:
            return
        if look.seconds > MOST_SECONDS:
            message = (
                f"{len(look.suspects)} tests failed in a part of their module that ran apart from the rest; running it "
                f"in order would take about {look.seconds:.0f} s, so they were not judged again"
            )
            self.journal.record(f.AlertRaised(kind="order", message=message))
            return
        contended = {test for test in look.suspects if CONTENDED in state.failures[test].flags}
        self._dispatcher = self._dispatch(look.plan, tests, look.suspects)
        await self._dispatcher.run()
        decided = [test for test in look.suspects if test not in state.failures]
        if contended.intersection(decided):
            message = (
                f"{len(contended.intersection(decided))} tests needed a port that another lane held; they ran again "
                "by themselves (let the system choose the port, and they can run side by side)"
            )
            self.journal.record(f.AlertRaised(kind="order", message=message))
        well = sorted(set(decided) - contended)
        if well:
            names = ", ".join(well[:5]) + (" and more" if len(well) > 5 else "")
            message = (
                f"order-dependent: {names} failed apart from the tests before, and passed in pytest's order; "
                "such modules are kept whole from now on"
            )
            self.journal.record(f.AlertRaised(kind="order", message=message))
        self.journal.flush()

    def cancel(self, reason: str, message: str) -> bool:
        """Stop the run; False when nothing runs yet."""
        if self._dispatcher is None:
            return False
        self._dispatcher.cancel(reason, message)
        return True

    def _owe_everything(self, programme: Programme) -> None:
        self.journal.record(
            f.CancelRequested(reason="collection_errors", scope="run", message=programme.blocked)
        )
        for layer in programme.planned.plan.layers:
            for category in layer.categories:
                for chain in category.chains:
                    for test in chain.tests:
                        self.journal.record(
                            f.TestOwed(
                                test=test, category=category.name, layer=layer.id, reason=ERRORS_REASON
                            )
                        )
        self.journal.flush()


def _nothing() -> None:
    """Nobody wants to hear of time that passes."""
