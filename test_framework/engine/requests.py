"""What the project's interpreters are told when they start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class LaneRequest:
    """What every zygote and lane of a run is told."""

    run: str
    interpreter: str
    pytest_args: tuple[str, ...]
    isolation: str = "auto"
    """auto | fork | spawn | inline"""
    tune_gc: bool = True
    measure_coverage: bool = True
    """False: pytest-cov measures nothing, whatever the project's options say"""
    record: bool = False
    """whether what tests depend on is recorded"""
    variables: Mapping[str, str] = field(default_factory=dict)
    """addresses of services, for the environment of the tests"""

    def session(self, quiet: bool) -> dict[str, Any]:
        """The request for one pytest session; `quiet`: its tests are known already, a digest of them is enough."""
        return {
            "args": list(self.pytest_args),
            "quiet": quiet,
            "visible": self.isolation == "inline",
            "tune_gc": self.tune_gc,
            "measure_coverage": self.measure_coverage,
            "record": self.record,
            "variables": dict(self.variables),
        }

    def spawned(
        self, lane: int, lanes: int, told: Mapping[str, Any]
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """(more environment, request) for a lane that is an interpreter of its own; `told`: by the first session."""
        name = f"gw{lane}"
        environment = {
            "PYTEST_XDIST_WORKER": name,
            "PYTEST_XDIST_WORKER_COUNT": str(lanes),
            "PYTEST_XDIST_TESTRUNUID": self.run,
            "APEX_WORKER_ID": name,
        }
        return environment, {**self.session(quiet=True), "worker": {**told, "name": name}}
