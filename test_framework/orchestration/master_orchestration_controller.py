"""The controller: what a host application and the command drive. One execution at a time, many one after another.

Rules: executes in whatever event loop awaits it, in any thread, and touches no signal handler; status and cancelling
may be called from any thread. An awaiting task that is cancelled stops the run, waits until its processes are reaped,
and stays cancelled. `_execute_<mode>` of a subclass or of an agent carries out the mode of that name.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum
from functools import partial
from os import PathLike
from typing import Any, Self

from test_framework.model.errors import UserError
from test_framework.model.outcome import ExitCode
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.orchestration.background_e2e_agent import BackgroundE2EAgent
from test_framework.orchestration.controller_config import MasterOrchestrationConfig, OrchestrationMode
from test_framework.orchestration.crew import CleanupHandler, Crew
from test_framework.orchestration.custom_mode import ModeHandler, handler_of, mode_answer
from test_framework.orchestration.extensions import Extensions, load_extensions
from test_framework.orchestration.layer_execution_agent import LayerExecutionAgent
from test_framework.orchestration.options import RunOptions, mode_name
from test_framework.orchestration.preparation import Place, find_place, prepare, start
from test_framework.orchestration.progress_streaming_agent import ProgressStreamingAgent
from test_framework.orchestration.resource_management_agent import ResourceManagementAgent
from test_framework.orchestration.run import Run
from test_framework.orchestration.status import run_status
from test_framework.orchestration.stopping import stop_words, wait_ended
from test_framework.orchestration.test_orchestrator_agent import TestOrchestratorAgent
from test_framework.sinks.websocket import sender

__all__ = [
    "MasterOrchestrationConfig",
    "MasterOrchestrationController",
    "OrchestrationMode",
    "create_background_only_controller",
    "create_fast_feedback_controller",
    "create_full_layered_controller",
    "create_hybrid_controller",
    "create_legacy_controller",
]
_inside: ContextVar[tuple[object, RunOptions]] = ContextVar("apex_mode_of")
"""the controller one of whose modes the present task carries out, and the options of that"""


class MasterOrchestrationController:
    """Executes tests of one project; see `execute_orchestration`."""

    def __init__(self, config: MasterOrchestrationConfig | None = None) -> None:
        """Raises `UserError` for options that no execution could have; starts nothing and reads no file."""
        self.config = config or MasterOrchestrationConfig()
        self._options = self.config.run_options()
        self._mode = mode_name(self.config.mode)
        self._started = self.config.started
        self._extensions: Extensions | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._working: asyncio.Task[dict[str, Any]] | None = None
        self._modes: list[str] = []
        """being carried out by `_execute_<mode>`, innermost last"""
        self._busy = False
        self._run: Run | None = None
        self._cancelled: tuple[str, str] | None = None
        self._answers: list[dict[str, Any]] = []
        self._last: dict[str, Any] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._guard = threading.Lock()
        self._websocket: tuple[Any, str | None] = (None, None)
        self.set_websocket_manager(self.config.websocket_manager, self.config.thread_id)
        root = self._options.project_root
        self._crew = Crew(
            self,
            test_orchestrator=TestOrchestratorAgent(project_root=root),
            layer_execution=LayerExecutionAgent(project_root=root),
            background_e2e=BackgroundE2EAgent(project_root=root),
            progress_streaming=ProgressStreamingAgent(),
            resource_management=ResourceManagementAgent(),
        )

    # -- life -------------------------------------------------------------------------------------------------

    async def initialize(self) -> bool:
        """Load what the project and installed packages add, and make every agent ready. May be called twice."""
        self._refuse_when_shut_down()
        if self._extensions is None:
            self._load(await asyncio.to_thread(find_place, self._options))
        await self._crew.make_ready()
        return True

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()

    async def shutdown(self) -> None:
        """Stop what runs, shut the agents down, then run the cleanup handlers, the latest first. Twice does no harm."""
        with self._guard:
            if self._closing is None:
                self._closing = asyncio.get_running_loop().create_task(
                    self._shut_down(), name="apex-shutdown"
                )
        await wait_ended(self._closing)

    async def _shut_down(self) -> None:
        working = self._working
        if working is not None and not working.done():
            self.cancel_execution("the controller is shut down")
            await wait_ended(working)
        if self._started is not None:
            started, self._started = self._started, None
            await asyncio.to_thread(started.abandon)
        await self._crew.dismiss()

    def add_cleanup_handler(self, handler: CleanupHandler) -> None:
        """Call it, and await what it returns, once, at `shutdown`."""
        self._crew.handlers.append(handler)

    def set_websocket_manager(self, manager: Any, thread_id: str | None = None) -> None:
        """Who hears of the present and of later runs; None: nobody. Raises `UserError` for one that cannot."""
        if manager is not None:
            sender(manager, thread_id)
        self._websocket = (manager, thread_id)

        def redirect() -> None:
            if self._run is not None:
                self._run.progress.stream_to(manager, thread_id)

        self._in_loop(redirect)

    def register_agent(self, name: str, agent: OrchestrationAgentInterface) -> None:
        """From now on the agent lives with this controller, and its `_execute_<mode>` methods are modes."""
        self._crew.add(name, agent)

    async def execute_agent(self, name: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        """One agent's work. Raises `UserError` for a name that nobody bears."""
        await self.initialize()
        answer: dict[str, Any] | None = await self._crew.named(name).execute(request or {})
        return answer if answer is not None else {}

    # -- executing --------------------------------------------------------------------------------------------

    async def execute_orchestration(
        self, execution_args: Any = None, categories: Any = None, layers: Any = None
    ) -> dict[str, Any]:
        """Execute tests; `execution_args`: a mapping or namespace with the command's names of flags.

        What it chooses (categories, layers, execution_mode) takes the place of the controller's own mode. Returns plain
        values: run, success, exit_code, reasons, ledger, outcomes, layers (with status), failures (test, outcome,
        message), directory and more. Raises `UserError` for what the user can mend; nothing was run then. A mode of
        somebody's own may call it: what it does not say is as that mode's own execution was told.
        """
        self._refuse_when_shut_down()
        outer, options = _inside.get((None, self._options))
        options = options.without_choice() if outer is self else self._options
        options = options.told(execution_args).told({"categories": categories, "layers": layers})
        if not options.chooses:
            options = options.told({"execution_mode": self._mode})
        if outer is self:
            return await self._carry_out(options)
        with self._guard:
            if self._working is not None and not self._working.done():
                raise _executing_already()
            self._loop = asyncio.get_running_loop()
            self._cancelled, self._answers = None, []
            self._working = self._loop.create_task(self._carry_out(options), name="apex-execution")
        return await self._awaited(self._working)

    async def _awaited(self, working: asyncio.Task[dict[str, Any]]) -> dict[str, Any]:
        """The task's answer; when whoever awaits it is cancelled, it is stopped first, harder each time."""
        cancelled: asyncio.CancelledError | None = None
        while not working.done():
            try:
                await asyncio.wait({working})
            except asyncio.CancelledError as request:
                reason = "second_interrupt" if cancelled else "interrupt"
                self._cancel(reason, "the awaiting task was cancelled")
                cancelled = request
        if cancelled is not None:
            if not working.cancelled():
                working.exception()  # seen: who cancels does not ask for it
            raise cancelled
        return working.result()

    async def _carry_out(self, options: RunOptions) -> dict[str, Any]:
        mode = options.execution_mode
        place: Place | None = None
        if self._extensions is None and self._started is None:
            place = await asyncio.to_thread(find_place, options)
            self._load(place)
        handler: ModeHandler | None = None
        if mode is not None and mode not in self._modes:
            extensions = self._extensions or Extensions()
            handler = handler_of(mode, (self, *self._crew.agents.values()), extensions.controllers)
        if handler is not None and mode is not None:
            self._last = await self._carry_out_mode(handler, mode, options)
            return self._last
        if self._busy:
            raise _executing_already()
        self._busy = True
        try:
            self._last = await self._carry_out_run(options, place)
        finally:
            self._busy, self._run = False, None
        self._answers.append(self._last)
        return self._last

    async def _carry_out_run(self, options: RunOptions, place: Place | None) -> dict[str, Any]:
        started, self._started = self._started, None
        if started is None:
            started = start(await asyncio.to_thread(prepare, options, place))
        preparation = started.preparation
        try:
            if self._extensions is None:
                self._load(Place(project_root=preparation.project_root, settings=preparation.settings))
            await self._crew.make_ready()
            extensions = self._extensions or Extensions()
            self._run = Run(
                started,
                progress_mode=preparation.options.progress_mode or self.config.progress_mode,
                sinks=[make() for make in (*self.config.sinks, *extensions.sinks)],
                websocket=self._websocket,
                extensions=extensions,
            )
        except BaseException:
            await asyncio.to_thread(started.abandon)
            raise
        if self._cancelled is not None:
            self._run.cancel(*self._cancelled)
        return await self._run.execute()

    async def _carry_out_mode(self, handler: ModeHandler, mode: str, options: RunOptions) -> dict[str, Any]:
        """A mode of a subclass or an agent; what its answer leaves open follows from the runs that it made."""
        await self._crew.make_ready()
        before = len(self._answers)
        token = _inside.set((self, options))
        self._modes.append(mode)
        try:
            if self._cancelled is not None:  # while the agents were made ready
                raise asyncio.CancelledError
            told = await handler(options.as_arguments()) or {}
        except asyncio.CancelledError:
            if self._cancelled is None:
                raise
            told = {"success": False, "exit_code": int(ExitCode.INTERRUPTED), "reasons": [self._cancelled[1]]}
        finally:
            self._modes.pop()
            _inside.reset(token)
        return mode_answer(mode, told, self._answers[before:])

    def cancel_execution(self, reason: str = "interrupt", message: str = "") -> bool:
        """Stop the present execution; False when there is none. From any thread, at any time.

        `reason` is the lower-case name of a StopReason, or what a person would say.
        """
        if self._working is None or self._working.done():
            return False
        self._in_loop(partial(self._cancel, *stop_words(reason, message)))
        return True

    def _cancel(self, reason: str, message: str) -> None:
        self._cancelled = (reason, message)
        if self._run is not None:
            self._run.cancel(reason, message)
        elif self._modes and not self._busy and self._working is not None:
            self._working.cancel()  # a mode of somebody's own that waits for something else than a run

    def _in_loop(self, action: Callable[[], Any]) -> None:
        """Do it in the thread that executes: at once when that is ours."""
        if self._loop is None or self._loop.is_closed():
            return
        try:
            ours = asyncio.get_running_loop() is self._loop
        except RuntimeError:  # a thread without a loop
            ours = False
        if ours:
            action()
        else:
            self._loop.call_soon_threadsafe(action)

    # -- parts ------------------------------------------------------------------------------------------------

    def _load(self, place: Place) -> None:
        """Plug-ins of the project and entry points of installed packages, once; what was registered by hand stays."""
        extensions = load_extensions(place.settings.plugins, place.project_root)
        for name, agent in extensions.agents.items():
            if name not in self._crew.agents:
                self._crew.add(name, agent)
        self._extensions = extensions

    def _refuse_when_shut_down(self) -> None:
        if self._closing is not None:
            raise UserError("this controller was shut down", "make a new one")

    def get_orchestration_status(self) -> dict[str, Any]:
        """What is true now, as plain values: state, run (with its layers), last, agents (their health), problems."""
        run, working, last = self._run, self._working, self._last
        state = "running" if working is not None and not working.done() else "idle"
        health = self._crew.health()
        if run is not None:
            health["progress_streaming"] = run.progress.get_health_status()
        return {
            "state": "shut down" if self._closing is not None else state,
            "mode": self._mode or OrchestrationMode.LEGACY.value,
            "executing": next(reversed(self._modes), None),
            "run": run_status(run.state, run.path) if run is not None else None,
            "last": last
            and {key: last.get(key) for key in ("run", "success", "exit_code", "reasons", "ledger")},
            "agents": health,
            "problems": list(self._crew.problems),
        }


def _executing_already() -> UserError:
    return UserError(
        "this controller is executing already", "await it, cancel it, or use one more controller"
    )


def _controller(
    mode: Enum | str | None,
    websocket_manager: Any = None,
    thread_id: str | None = None,
    project_root: str | PathLike[str] | None = None,
    **more: Any,
) -> MasterOrchestrationController:
    """A controller of one mode; `more` are members of `MasterOrchestrationConfig`."""
    config = MasterOrchestrationConfig(
        mode=mode,
        websocket_manager=websocket_manager,
        thread_id=thread_id,
        project_root=project_root,
        **more,
    )
    return MasterOrchestrationController(config)


def create_fast_feedback_controller(
    websocket_manager: Any = None,
    thread_id: str | None = None,
    project_root: str | PathLike[str] | None = None,
    **more: Any,
) -> MasterOrchestrationController:
    """Runs the layer fast_feedback."""
    return _controller(OrchestrationMode.FAST_FEEDBACK, websocket_manager, thread_id, project_root, **more)


def create_full_layered_controller(
    websocket_manager: Any = None,
    thread_id: str | None = None,
    project_root: str | PathLike[str] | None = None,
    **more: Any,
) -> MasterOrchestrationController:
    """Runs every foreground layer, as nightly does."""
    return _controller(OrchestrationMode.NIGHTLY, websocket_manager, thread_id, project_root, **more)


def create_background_only_controller(
    websocket_manager: Any = None,
    thread_id: str | None = None,
    project_root: str | PathLike[str] | None = None,
    **more: Any,
) -> MasterOrchestrationController:
    """Starts the background layers as a run of their own and answers at once with its id."""
    return _controller(OrchestrationMode.BACKGROUND, websocket_manager, thread_id, project_root, **more)


def create_hybrid_controller(
    websocket_manager: Any = None,
    thread_id: str | None = None,
    project_root: str | PathLike[str] | None = None,
    **more: Any,
) -> MasterOrchestrationController:
    """Runs the foreground layers of the mode hybrid while the background layers run as a run of their own."""
    return _controller(OrchestrationMode.HYBRID, websocket_manager, thread_id, project_root, **more)


def create_legacy_controller(
    websocket_manager: Any = None,
    thread_id: str | None = None,
    project_root: str | PathLike[str] | None = None,
    **more: Any,
) -> MasterOrchestrationController:
    """Runs categories as the old runner did."""
    return _controller(OrchestrationMode.LEGACY, websocket_manager, thread_id, project_root, **more)
