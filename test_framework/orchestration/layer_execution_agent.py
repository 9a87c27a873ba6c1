"""Carries out a programme on an executor: layers in order, under their deadlines, and the owed named.

Rules: the scheduler decides and the dispatcher does; this agent joins them to a journal and knows when the run's own
pytest session may end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from test_framework.core.second_look import SecondLook, names_a_resource, second_look, time_left
from test_framework.engine.dispatcher import CONTENDED, LANE_DEPENDENT, ORDER_DEPENDENT, Dispatcher
from test_framework.engine.executor import Collection, Executor, Recording
from test_framework.engine.journal import Journal
from test_framework.model import facts as f
from test_framework.model.outcome import StopReason
from test_framework.model.plan import Plan, TestInfo
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.orchestration.test_orchestrator_agent import ERRORS_REASON, Programme

FRESH_SECONDS = 0.25
"""A recorded test depends on all that ran in its process. A fresh process costs some 10 ms, so each runs this long."""
SAMPLED = 0.25
"""share of the time left in which failures that may come from another lane are judged again, before the rest of them"""
AGAIN = {
    CONTENDED: (
        "{count} tests needed a port that another lane held; they ran again by themselves "
        "(let the system choose the port, and they can run side by side)"
    ),
    ORDER_DEPENDENT: (
        "order-dependent: {names} failed in another order than pytest's, and passed in that; "
        "such modules are kept whole from now on"
    ),
    LANE_DEPENDENT: (
        "{count} tests failed beside other tests and passed alone: they are flaky, or use something that others of "
        "this run use as well: {names}"
    ),
}


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
        weigh: Callable[[f.TestFinished], f.TestFinished] | None = None,
    ) -> None:
        """Executor and journal of a run; without them the agent makes runs of its own in the project."""
        self._executor = executor
        self._journal = journal
        self._on_tick = on_tick or _nothing
        self._environment = environment
        self._project_root = project_root
        self._recording = recording
        self._weigh = weigh
        self._fresh_seconds: float | None = None
        self._renews_lanes = True
        self._forks = False
        self._better: dict[str, list[str]] = {}
        """why they had failed (a flag) -> tests that came out better when they were judged again"""
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
        self._forks = collection.isolation == "fork"
        if self._recording is not None and self._forks:
            self._fresh_seconds = FRESH_SECONDS
        elif self._renews_lanes:
            self._fresh_seconds = programme.planned.plan.fresh_seconds
        self._dispatcher = self._dispatch(programme.planned.plan, tests)
        await self._dispatcher.run()
        await self._look_again(programme, tests)
        ended = await self.executor.end_session(self.journal.state.bad)
        self.journal.record(f.PluginReported(text=ended.text, exit_status=ended.status))
        self.journal.flush()

    def _dispatch(
        self,
        plan: Plan,
        tests: Mapping[str, TestInfo],
        suspects: frozenset[str] | None = None,
        why: str = ORDER_DEPENDENT,
    ) -> Dispatcher:
        dispatcher = Dispatcher(
            replace(plan, fresh_seconds=self._fresh_seconds, renews_lanes=self._renews_lanes),
            tests,
            self.executor,
            self.journal,
            self._on_tick,
            self._environment,
            suspects,
            self._recording,
            why,
        )
        if self._weigh is not None:
            dispatcher.weigh = self._weigh
        return dispatcher

    async def _look_again(self, programme: Programme, tests: Mapping[str, TestInfo]) -> None:
        """Failures that may be of our making are judged again, as pytest would have run them.

        First those that ran in another order than pytest's or needed what another lane held. Then, by themselves,
        those that speak of a file, a database or a connection, which another lane may have used: a few, and the rest
        only where those come out better.
        """
        state, first, plan = self.journal.state, self._dispatcher, programme.planned.plan
        if first is None:
            return
        beside = plan.lanes > 1
        suspects, seconds = first.bad_apart(), first.order.seconds
        contended = {test for test in suspects if CONTENDED in state.failures[test].flags}
        allowed = self._time_left(seconds)
        if contended:  # only by itself, however long it takes, does such a test say anything
            plan, allowed = replace(plan, lanes=1), math.inf
        look = second_look(plan, suspects, seconds, allowed)
        left = await self._judge_again(look, tests, ORDER_DEPENDENT)
        if left:
            message = (
                f"{len(left)} tests failed in another order than pytest's; to run their modules in order would "
                "take the run longer than plain pytest, so they were not judged again"
            )
            self.journal.record(f.AlertRaised(kind="order", message=message))
        if beside:
            alone = replace(plan, lanes=1)
            judged = suspects - left if plan.lanes == 1 else frozenset()
            for share in (SAMPLED, 1.0):
                remaining = frozenset(
                    test for test in first.bad() - judged if names_a_resource(state.failures[test])
                )
                look = second_look(alone, remaining, seconds, share * self._time_left(seconds))
                await self._judge_again(look, tests, LANE_DEPENDENT)
                judged |= look.suspects if look is not None else frozenset()
                if remaining <= first.bad():
                    break
        self._tell_of_second_looks()

    def _time_left(self, took: Mapping[str, float]) -> float:
        """Seconds for a second look; a lane that is not forked has to collect first."""
        state = self.journal.state
        left = time_left(took, state.elapsed)
        if not self._forks and state.planned is not None:
            left -= state.planned.collection_seconds
        return max(0.0, left)

    async def _judge_again(
        self, look: SecondLook | None, tests: Mapping[str, TestInfo], why: str
    ) -> frozenset[str]:
        """Carry out a second look; what there was no time for."""
        if look is None or self.journal.state.stop not in (None, StopReason.FAILURES):
            return frozenset()
        if look.suspects:
            self._fresh_seconds = 0.0 if self._forks else None
            before = self.journal.state.failures.copy()
            self._dispatcher = self._dispatch(look.plan, tests, look.suspects, why)
            await self._dispatcher.run()
            for test in sorted(look.suspects - self.journal.state.failures.keys()):
                self._better.setdefault(CONTENDED if CONTENDED in before[test].flags else why, []).append(
                    test
                )
        return look.left

    def _tell_of_second_looks(self) -> None:
        """Say which failures were of our making."""
        for flag, tests in self._better.items():
            names = ", ".join(tests[:5]) + (" and more" if len(tests) > 5 else "")
            message = AGAIN[flag].format(count=len(tests), names=names)
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
