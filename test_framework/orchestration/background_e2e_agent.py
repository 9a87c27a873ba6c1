"""Decides which layers belong in the background, where long runs do not keep anybody waiting.

Rules: a background layer never runs in a foreground mode unless it is asked for by name. Starting layers detached is
not built yet, and a request for it is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from test_framework.core.settings import Settings
from test_framework.model.errors import UserError
from test_framework.orchestration.agent import OrchestrationAgentInterface
from test_framework.orchestration.options import RunOptions
from test_framework.orchestration.preparation import find_place

BACKGROUND_MODES = ("background", "hybrid")


@dataclass(frozen=True, slots=True)
class Background:
    """The background layers of a project."""

    background_layers: tuple[str, ...]


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

    def background(self, start: str | None = None) -> Background:
        """The background layers; `start` names one to start, which is refused with `UserError`."""
        if start is not None:
            raise UserError(
                f"layer {start} cannot be started in the background yet",
                f"run it in the foreground: --layers {start}",
            )
        return Background(self.background_layers())

    def refuse(self, mode: str | None) -> None:
        """Raises `UserError` for a mode that needs layers in the background."""
        if mode in BACKGROUND_MODES:
            layers = " ".join(self.background_layers()) or "of the project"
            raise UserError(
                f"execution mode {mode} cannot be executed yet: it starts layers in the background",
                f"run its layers in the foreground: layers {layers}",
            )
