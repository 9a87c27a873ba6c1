"""What a session runs on: interpreter, platform, plug-ins, installed packages with their versions.

Rules: cheap (names of directories, nothing is imported); what cannot be read is left out only where it could not be
used either.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def identity(config: Any) -> dict[str, Any]:
    """The session's own part of the recording's environment."""
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "platform": sys.platform,
        "machine": os.uname().machine,
        "plugins": plugins(config),
        "distributions": distributions(sys.path),
        "configuration": str(config.inipath) if getattr(config, "inipath", None) else None,
    }


def plugins(config: Any) -> dict[str, str]:
    """Installed plug-ins of the session with the version of what installed them."""
    found = {}
    for _plugin, distribution in config.pluginmanager.list_plugin_distinfo():
        # The name of its directory says it too; asking for it parses a file, with modules that nobody else needs.
        directory = getattr(getattr(distribution, "_dist", None), "_path", None)
        if directory is not None and str(directory).endswith(".dist-info"):
            name, _, version = directory.name.removesuffix(".dist-info").partition("-")
        else:
            name, version = str(distribution.project_name), str(distribution.version)
        found[name] = version
    return found


def distributions(path: list[str]) -> dict[str, str]:
    """name -> version of all that is installed on a path; an editable one with where it lies."""
    found: dict[str, str] = {}
    for directory in path:
        try:
            names = sorted(os.listdir(directory or "."))
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                project, _, version = name.rpartition(".")[0].partition("-")
                found.setdefault(project, version + _editable(os.path.join(directory, name)))
            elif name.endswith(".egg-link"):
                found.setdefault(name.removesuffix(".egg-link"), "editable")
    return found


def _editable(directory: str) -> str:
    """` at URL` for an editable distribution (PEP 610)."""
    try:
        with open(os.path.join(directory, "direct_url.json"), encoding="utf-8") as file:
            origin = json.load(file)
        editable = origin.get("dir_info", {}).get("editable")
        return f" at {origin['url']}" if editable else ""
    except (OSError, ValueError, KeyError, AttributeError):
        return ""
