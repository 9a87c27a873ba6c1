"""What a controller is told when it is made: its mode, its project, and who hears of its runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from os import PathLike
from typing import Any

from test_framework.orchestration.options import RunOptions
from test_framework.orchestration.preparation import Started
from test_framework.sinks.protocol import Sink


class OrchestrationMode(Enum):
    """The execution modes that every project has; a configured mode is a plain string."""

    FAST_FEEDBACK = "fast_feedback"
    NIGHTLY = "nightly"
    BACKGROUND = "background"
    HYBRID = "hybrid"
    COMMIT = "commit"
    CI = "ci"
    WEEKEND = "weekend"
    DEVELOPMENT = "development"
    ALL = "all"
    LEGACY = "legacy"


@dataclass(slots=True, kw_only=True)
class MasterOrchestrationConfig:
    """What a controller's executions have in common; whatever is left out is found as the command finds it."""

    project_root: str | PathLike[str] | None = None
    mode: Enum | str | None = None
    """of executions that do not say what runs; None and legacy: the default categories"""
    environment: str | None = None
    interpreter: str | None = None
    """the Python that runs the project's tests"""
    pytest_args: tuple[str, ...] = ()
    progress_mode: str = "silent"
    websocket_manager: Any = None
    thread_id: str | None = None
    sinks: tuple[Callable[[], Sink], ...] = ()
    """each makes a sink for one run"""
    options: dict[str, Any] = field(default_factory=dict)
    """more of the command's flags by name, such as {"lanes": 2, "junitxml": "report.xml"}"""
    started: Started | None = None
    """a run whose interpreter was started before the controller was imported: its first execution"""

    def run_options(self) -> RunOptions:
        """The options of every execution. Raises `UserError` for what no execution could be told."""
        given = {
            "project_root": self.project_root,
            "env": self.environment,
            "python": self.interpreter,
            "pytest_args": self.pytest_args,
        }
        return RunOptions().told({**given, **self.options})
