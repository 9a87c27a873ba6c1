"""The agents of one controller, from their first readiness to their end, and what is to be cleaned up after them.

Rules: each agent is made ready once and shut down once, in the opposite order; at the end nothing that fails keeps
anything else from being done, and all of it is reported.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from test_framework.core.selection import known
from test_framework.model.errors import UserError
from test_framework.orchestration.agent import OrchestrationAgentInterface

CleanupHandler = Callable[[], Awaitable[Any] | Any]
_log = logging.getLogger("netra_apex")


class Crew:
    """Agents by name, and cleanup handlers."""

    def __init__(self, owner: Any, **agents: OrchestrationAgentInterface) -> None:
        self.owner = owner
        self.agents: dict[str, OrchestrationAgentInterface] = {}
        self.handlers: list[CleanupHandler] = []
        self.problems: list[str] = []
        self._ready: list[str] = []
        for name, agent in agents.items():
            self.add(name, agent)

    def add(self, name: str, agent: OrchestrationAgentInterface) -> None:
        """Take one in; one of the same name that is not ready yet is replaced."""
        if name in self._ready:
            raise UserError(f"an agent {name} is at work already", "choose another name")
        self.agents[name] = agent
        agent.controller = self.owner

    def named(self, name: str) -> OrchestrationAgentInterface:
        known("agent", name, self.agents)
        return self.agents[name]

    async def make_ready(self) -> None:
        """Initialise those that are not yet. Raises `UserError` for one that says it is not ready."""
        for name, agent in list(self.agents.items()):
            if name in self._ready:
                continue
            if await agent.initialize() is False:
                raise UserError(
                    f"agent {name} is not ready: its initialize() said so", "its own log may say why"
                )
            self._ready.append(name)

    async def dismiss(self) -> None:
        """Shut the agents down, the latest first, then call the handlers, the latest first."""
        for name in reversed(list(self.agents)):
            await self._guarded(f"shutting down agent {name}", self.agents[name].shutdown)
        while self.handlers:
            handler = self.handlers.pop()
            await self._guarded(f"cleanup handler {getattr(handler, '__qualname__', handler)}", handler)

    async def _guarded(self, what: str, action: CleanupHandler) -> None:
        try:
            answer = action()
            if isawaitable(answer):
                await answer
        except Exception as problem:  # noqa: BLE001 - it is reported, and the others must have their turn
            self.problems.append(f"{what} failed: {type(problem).__name__}: {problem}")
            _log.error("%s failed", what, exc_info=problem)

    def health(self) -> dict[str, dict[str, Any]]:
        """Each agent's word on its health; one that cannot even say it is not healthy."""
        return {name: _health_of(agent) for name, agent in list(self.agents.items())}


def _health_of(agent: OrchestrationAgentInterface) -> dict[str, Any]:
    try:
        return {"agent": type(agent).__name__, "healthy": True, **agent.get_health_status()}
    except Exception as problem:  # noqa: BLE001 - status must be had, whatever one agent does
        return {
            "agent": type(agent).__name__,
            "healthy": False,
            "problem": f"{type(problem).__name__}: {problem}",
        }
