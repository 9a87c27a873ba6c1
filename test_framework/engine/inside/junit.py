"""pytest's own JUnit file (_pytest.junitxml): written by the zygote alone, filled by the lanes too.

Rules: where that part of pytest is absent or has changed shape nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def junit_of(config: Any) -> Any:
    """pytest's own JUnit plug-in, where it writes a file (_pytest.junitxml); else None."""
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "LogXML" and type(plugin).__module__ == "_pytest.junitxml":
            return plugin
    return None


def send_junit_to(config: Any, tell: Callable[[str, list[Any]], None]) -> None:
    """In a lane: only the zygote writes pytest's JUnit file; what fixtures add to it goes there through `tell`."""
    plugin = junit_of(config)
    if plugin is None:
        return
    from _pytest.junitxml import xml_key

    config.pluginmanager.unregister(plugin)
    config.stash[xml_key] = FarJunit(tell, plugin.family)


class FarJunit:
    """What fixtures of _pytest.junitxml see in a lane; false, so that pytest's unconfigure leaves it alone."""

    def __init__(self, tell: Callable[[str, list[Any]], None], family: str, nodeid: str = "") -> None:
        self.family = family
        self._tell = tell
        self._nodeid = nodeid

    def __bool__(self) -> bool:
        return False

    def add_global_property(self, name: str, value: object) -> None:
        """record_testsuite_property"""
        self._tell("property", [str(name), str(value)])

    def node_reporter(self, nodeid: str) -> FarJunit:
        """record_xml_attribute asks for this, and then calls `add_attribute`."""
        return FarJunit(self._tell, self.family, str(nodeid))

    def add_attribute(self, name: str, value: object) -> None:
        self._tell("attribute", [self._nodeid, str(name), str(value)])


def add_to_junit(config: Any, kind: str, values: list[Any]) -> None:
    """In the zygote: what a lane's fixtures told through `send_junit_to`."""
    plugin = junit_of(config)
    if plugin is None:
        return
    if kind == "property":
        plugin.add_global_property(*values)
    else:
        plugin.node_reporter(values[0]).add_attribute(*values[1:])
