"""The seam of services: what somebody who starts them must offer, and what a started one is.

Rules: siblings are not imported; how a program is launched is handed in (`Launch`). Ports are on the loopback; a
provider never takes a port that somebody else holds for its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from test_framework.core.settings import ServiceSettings

LOOPBACK = "127.0.0.1"

Probe = Callable[[], Awaitable[str]]
"""Asks once whether a service is ready: '' when it is, else why not. Never raises, never takes long."""


class Program(Protocol):
    """A launched program: dies with the run, whatever becomes of the run."""

    def ended(self) -> str:
        """How it ended, in words; '' while it lives. Answers at once."""
        ...

    async def stop(self, signal: int, grace_seconds: float) -> None:
        """End it and all that it started: by the signal, after the grace by force."""
        ...


class Launch(Protocol):
    """Starts a program in a session of its own; what it prints goes to the file `log`."""

    def __call__(
        self, argv: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path
    ) -> Program: ...


class ServiceError(Exception):
    """A service cannot be had; the text says why, with what it printed."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is ready."""

    name: str
    provider: str
    """native, external, or a plug-in's own word"""
    address: str
    """host:port, for people"""
    variables: Mapping[str, str]
    """what tests and services that depend on it are told in their environment"""
    probe: Probe
    program: Program | None = None
    """None: it is not ours to stop"""
    stop_signal: int = 15
    secrets: tuple[str, ...] = ()
    log: Path | None = None


class Provider(Protocol):
    """Who starts services: a plug-in that `provider: plugin:NAME` names."""

    async def start(self, spec: ServiceSettings, place: Place, launch: Launch) -> Service:
        """Start one service and return when it is ready.

        Raises `ServiceError` with the evidence; a program that was launched is stopped before. Cancelled when its time
        is up.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where one service of one run may work."""

    directory: Path
    """its own, made by whoever starts it and removed after it"""
    log: Path
    cache: Path
    """kept between runs"""
    environment: Mapping[str, str] = field(default_factory=dict)
    project_root: Path = Path()
