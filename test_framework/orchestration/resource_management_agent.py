"""Knows what the machine has: CPUs that may be used and memory that is free; later also the services that tests need.

Rules: limits of the control group count, not only the machine's; nothing is started here.
"""

from __future__ import annotations

import os
from typing import Any

from test_framework.orchestration.agent import OrchestrationAgentInterface


class ResourceManagementAgent(OrchestrationAgentInterface):
    """Answers what a run may use."""

    async def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """{} -> {"cpus": usable CPUs, "memory_available_bytes": free memory, "services": names of running services}."""
        del request
        return self.resources()

    def resources(self) -> dict[str, Any]:
        return {
            "cpus": len(os.sched_getaffinity(0)),
            "memory_available_bytes": available_memory(),
            "services": [],
        }

    def get_health_status(self) -> dict[str, Any]:
        found = self.resources()
        return {"agent": type(self).__name__, "healthy": found["memory_available_bytes"] > 64 << 20, **found}


def available_memory() -> int:
    """Bytes that can be had without swapping (MemAvailable of /proc/meminfo)."""
    with open("/proc/meminfo", "rb") as file:
        for line in file:
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0
