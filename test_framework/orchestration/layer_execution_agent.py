"""Carries out a programme on an executor: layers in order, under their deadlines, and the owed named.

Rules: the scheduler decides and the dispatcher does; this agent joins them to a journal and knows when the run's own
pytest session may end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from test_framework.engine.dispatcher import Dispatcher
from test_framework.engine.executor import Collection, Executor
from test_framework.engine.journal import Journal
from test_framework.model import facts as f
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.orchestration.test_orchestrator_agent import ERRORS_REASON, Programme


class LayerExecutionAgent(OrchestrationAgentInterface):
    """Runs the layers of one programme."""

    def __init__(
        self, executor: Executor, journal: Journal, on_tick: Callable[[], None], environment: str
    ) -> None:
        self.executor = executor
        self.journal = journal
        self._on_tick = on_tick
        self._environment = environment
        self._dispatcher: Dispatcher | None = None

    async def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """{} -> how many tests were executed and are owed so far."""
        del request
        state = self.journal.state
        return {"executed": state.executed, "owed": len(state.owed), "failed": state.bad}

    async def run(self, programme: Programme, collection: Collection) -> None:
        """Run everything that was planned; returns when nothing runs and nothing is left."""
        if programme.blocked:
            self._owe_everything(programme)
            return
        tests = {test.id: test for test in collection.tests}
        self._dispatcher = Dispatcher(
            programme.planned.plan, tests, self.executor, self.journal, self._on_tick, self._environment
        )
        await self._dispatcher.run()
        ended = await self.executor.end_session(self.journal.state.bad)
        self.journal.record(f.PluginReported(text=ended.text, exit_status=ended.status))
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
