"""What the project's interpreters are told when they start."""

from __future__ import annotations

from dataclasses import dataclass
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

    def session(self, quiet: bool) -> dict[str, Any]:
        """The request for one pytest session; `quiet`: its tests are known already, a digest of them is enough."""
        return {
            "args": list(self.pytest_args),
            "quiet": quiet,
            "visible": self.isolation == "inline",
            "tune_gc": self.tune_gc,
        }
