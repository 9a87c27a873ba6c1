"""Ends of the session that the project's own code brings about: once, by the process in which the session began.

Rules: a forked lane ends the session as pytest does, with all that pytest and installed plug-ins do then. But what a
conftest set up at the session's start (a directory, a server) is everybody's: if each lane took it down, the first to
end would take it from the others.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from .hearing import module_of, mute
from .project_paths import ProjectPaths

ENDS = ("pytest_sessionfinish", "pytest_unconfigure")


class SessionEnds:
    """What of a session is the project's own, found once before the first fork."""

    def __init__(self, config: Any) -> None:
        self._config = config
        manager = config.pluginmanager
        self._installed = {"_pytest", "_apex_inside"}
        self._installed |= {module_of(plugin).split(".")[0] for plugin, _ in manager.list_plugin_distinfo()}
        paths = ProjectPaths(str(config.rootpath))
        self._plugins = [plugin for plugin in manager.get_plugins() if self._is_the_project_s(plugin, paths)]

    def _is_the_project_s(self, plugin: Any, paths: ProjectPaths) -> bool:
        module = sys.modules.get(module_of(plugin))
        file = getattr(plugin, "__file__", None) or getattr(module, "__file__", None)
        if not isinstance(file, str) or module_of(plugin).split(".")[0] in self._installed:
            return False
        return paths.code(file) is not None

    def leave_to_zygote(self) -> None:
        """In a lane: the session's end in the project's own plug-ins and clean-ups is not ours."""
        for plugin in self._plugins:
            mute(self._config.pluginmanager, plugin, ENDS)
        stack = getattr(self._config, "_cleanup_stack", None)  # pytest 8.1 and newer
        calls = getattr(stack, "_exit_callbacks", None)
        if isinstance(calls, deque):
            kept = [each for each in calls if self._is_installed(each[1])]
            calls.clear()
            calls.extend(kept)
        listed = getattr(self._config, "_cleanup", None)
        if isinstance(listed, list):
            listed[:] = [each for each in listed if self._is_installed(each)]

    def _is_installed(self, call: Callable[..., Any]) -> bool:
        """Whether a clean-up is pytest's or an installed plug-in's (the project may hand over `shutil.rmtree`)."""
        call = getattr(call, "__wrapped__", call)
        call = getattr(call, "func", call)
        return str(getattr(call, "__module__", "")).split(".")[0] in self._installed
