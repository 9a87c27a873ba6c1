"""Layers in the background, where long runs keep nobody waiting: started, looked at, ended.

Rules: a background layer never runs in a foreground mode unless it is asked for by name; a run in the background has a
host process of its own, which outlives whoever started it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from test_framework.core.selection import known
from test_framework.core.settings import Settings
from test_framework.model.errors import UserError
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.orchestration.options import RunOptions
from test_framework.orchestration.preparation import Place, find_place

PASSED_ON = ("allow_prod", "real_services", "real_llm", "no_cache", "no_coverage")
"""switches of an execution that hold for a run that it starts in the background"""


@dataclass(frozen=True, slots=True)
class Background:
    """The background layers of a project, its background runs (newest first), and what was just done."""

    background_layers: tuple[str, ...]
    runs: tuple[dict[str, Any], ...] = ()
    started: str | None = None
    """the id of the run that was started"""
    ended: str | None = None
    """in words: what came of ending a run"""


class BackgroundE2EAgent(OrchestrationAgentInterface):
    """Knows the background layers of a project."""

    verb = "background"

    def __init__(self, settings: Settings | None = None, *, project_root: Any = None) -> None:
        """Settings, or a project whose settings are read when they are needed (default: the working directory's)."""
        self._settings = settings
        self._project_root = project_root

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = find_place(RunOptions().told({"project_root": self._project_root})).settings
        return self._settings

    def background_layers(self) -> tuple[str, ...]:
        """Ids of the layers that are configured to run in the background."""
        return tuple(layer.id for layer in self.settings.layers.values() if layer.background)

    def background(
        self, start: str | bool | None = None, cancel: str | None = None, flags: Sequence[str] = ()
    ) -> Background:
        """Start a layer (True: all background layers), end a run by its id, and say what there is.

        `flags`: of the command, for the run that is started. Raises `UserError` for a layer or a run that is not known.
        """
        from test_framework.orchestration.detached import end_detached, layers_behind, start_detached
        from test_framework.records.background import background_runs

        root = self._place().project_root
        layers = layers_behind(self.settings) if start is True else (str(start),) if start else ()
        for layer in layers:
            known("layer", layer, self.settings.layers)
        started = start_detached(root, layers, flags) if layers else None
        ended = end_detached(root, cancel) if cancel is not None else None
        return Background(self.background_layers(), tuple(background_runs(root)), started, ended)

    def _place(self) -> Place:
        return find_place(RunOptions().told({"project_root": self._project_root}))

    async def _execute_background(self, execution_args: Any) -> dict[str, Any]:
        """The mode `background` of a controller: start, and answer at once with the run's id."""
        found = await asyncio.to_thread(self.background, True, None, _words(execution_args))
        return {"success": True, "exit_code": 0, "reasons": [], "run": found.started, "background": True}

    async def _execute_hybrid(self, execution_args: Any) -> dict[str, Any]:
        """The mode `hybrid` of a controller: the background layers beside the other layers of the mode."""
        from test_framework.orchestration.detached import layers_before

        if self.controller is None:
            raise UserError("the mode hybrid belongs to a controller", "create_hybrid_controller()")
        before = layers_before(self.settings)
        found = await asyncio.to_thread(self.background, True, None, _words(execution_args))
        answer: dict[str, Any] = await self.controller.execute_orchestration(layers=before)
        return {**answer, "background_run": found.started}


def _words(told: Mapping[str, Any]) -> list[str]:
    """What a host application told of an execution, as the command's flags, as far as it concerns a detached run."""
    words = [f"--{name.replace('_', '-')}" for name in PASSED_ON if told.get(name)]
    return [*words, "--env", str(told["env"])] if told.get("env") else words
