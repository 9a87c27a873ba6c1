"""Knows what the machine has: CPUs that may be used and memory that is free; later also the services that tests need.

Rules: limits of the control group count, not only the machine's; nothing is started here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from test_framework.engine.project import usable_cpus
from test_framework.orchestration.agent import OrchestrationAgentInterface

LEAST_MEMORY_BYTES = 64 << 20
"""with less than this no interpreter starts"""
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run may use."""

    cpus: int
    memory_available_bytes: int
    services: tuple[str, ...] = ()
    """names of running services: none until services are built"""


class ResourceManagementAgent(OrchestrationAgentInterface):
    """Answers what a run may use."""

    verb = "resources"

    def resources(self) -> Resources:
        return Resources(usable_cpus(), available_memory())

    def get_health_status(self) -> dict[str, Any]:
        found = self.resources()
        return {
            **super().get_health_status(),
            "healthy": found.memory_available_bytes > LEAST_MEMORY_BYTES,
            "cpus": found.cpus,
            "memory_available_bytes": found.memory_available_bytes,
        }


def available_memory(cgroup: Path = CGROUP) -> int:
    """Bytes that can be had without swapping: of the machine (MemAvailable), and of the control group."""
    found = 0
    with open("/proc/meminfo", "rb") as file:
        for line in file:
            if line.startswith(b"MemAvailable:"):
                found = int(line.split()[1]) * 1024
    try:
        limit, used = (
            (cgroup / name).read_text("ascii").strip() for name in ("memory.max", "memory.current")
        )
    except OSError:
        return found  # the root group, or cgroup v1: the machine's memory counts
    return found if limit == "max" else min(found, max(0, int(limit) - int(used)))
