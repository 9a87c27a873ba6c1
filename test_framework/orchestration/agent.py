"""What every agent is: something with a life cycle, one verb, and a word on its health.

Rules: an agent holds policy and owns no locks, threads or sockets; `execute(dict) -> dict` exists once, here, as a
codec around the agent's typed verb.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class OrchestrationAgentInterface(ABC):
    """The life cycle that the controller drives; subclasses are initialised before and shut down after each run."""

    async def initialize(self) -> bool:
        """Make ready; False keeps the run from starting."""
        return True

    @abstractmethod
    async def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do the agent's work. Shapes of request and answer are the agent's own, plain values only."""

    async def shutdown(self) -> None:  # noqa: B027 - letting go of nothing is right for most agents
        """Let go of everything; may be called twice and without `initialize`."""

    def get_health_status(self) -> dict[str, Any]:
        """At least {"agent": name, "healthy": bool}."""
        return {"agent": type(self).__name__, "healthy": True}
