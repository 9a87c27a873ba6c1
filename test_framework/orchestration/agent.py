"""What every agent is: something with a life cycle, one verb, and a word on its health.

Rules: an agent holds policy and owns no locks, threads or sockets. One of ours names its typed method in `verb`, and
`execute(dict) -> dict` is the codec around it that stands here once; one of a host's may write `execute` itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from os import PathLike, fspath
from typing import Any, ClassVar

from test_framework.core.selection import known
from test_framework.model.errors import UserError


class OrchestrationAgentInterface:
    """The life cycle that a controller drives: initialised before its first run, shut down with the controller."""

    verb: ClassVar[str] = ""
    """the method that `execute` calls with the request's members as keyword arguments"""
    controller: Any = None
    """the controller that the agent is registered with"""

    async def initialize(self) -> bool:
        """Make ready; False keeps the controller from running anything."""
        return True

    async def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do the agent's work: plain values in, plain values out. Raises `UserError` for a request it cannot read."""
        if not self.verb:
            raise NotImplementedError(f"{type(self).__name__} has neither a verb nor an execute of its own")
        method = getattr(self, self.verb)
        parameters = inspect.signature(method).parameters
        for name in request:
            known(f"member of a request to {type(self).__name__}", str(name), parameters)
        for name, parameter in parameters.items():
            if parameter.default is parameter.empty and name not in request:
                raise UserError(
                    f"a request to {type(self).__name__} needs {name}", f"it takes: {', '.join(parameters)}"
                )
        answer = method(**request)
        answer = plain(await answer if inspect.isawaitable(answer) else answer)
        return answer if isinstance(answer, dict) else {self.verb: answer}

    async def shutdown(self) -> None:
        """Let go of everything; may be called twice and without `initialize`."""

    def get_health_status(self) -> dict[str, Any]:
        """At least {"agent": name, "healthy": bool}."""
        return {"agent": type(self).__name__, "healthy": True}


def plain(value: Any) -> Any:
    """The same as values that JSON knows: records and mappings as dicts, sequences and sets as lists."""
    if isinstance(value, Enum):
        return plain(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return fspath(value) if isinstance(value, PathLike) else value
