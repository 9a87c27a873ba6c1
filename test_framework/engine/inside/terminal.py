"""The terminal reporter and pytest's own JUnit file: silenced and deaf where we show and write, never removed.

Rules: each function names the part of pytest that it knows; where that is absent or has changed shape it does
nothing. Text that plug-ins print into the summary is kept.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

CONTENT_WITHOUT_REPORTS = frozenset({"pytest_cov", "_hypothesis_pytestplugin", "hypothesispytest", "xdist"})
"""Plug-ins whose summary needs no replayed reports."""

REPORT_HOOKS = (
    "pytest_runtest_logreport",
    "pytest_terminal_summary",
    "pytest_runtest_logstart",
    "pytest_runtest_logfinish",
)
OWN_SUMMARY = (
    "summary_errors",
    "summary_failures",
    "summary_xfailures",
    "summary_xpasses",
    "summary_warnings",
    "summary_passes",
    "short_test_summary",
    "summary_stats",
)


class Summary(io.TextIOBase):
    """Stands where the terminal was; keeps text only while it is told to."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.keep = False
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        if self.keep:
            self._parts.append(text)
        return len(text)

    def isatty(self) -> bool:
        return False

    def text(self) -> str:
        return "".join(self._parts)


def silence_terminal(config: Any, summary: Summary) -> None:
    """Point pytest's terminal reporter at `summary`; its own part of the summary is ours to show."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    writer = config.get_terminal_writer()
    writer._file = summary
    writer.hasmarkup = False
    for name in OWN_SUMMARY:
        if hasattr(reporter, name):
            setattr(reporter, name, _nothing)


def _nothing(*_arguments: Any, **_named: Any) -> None:
    return None


def mute_reporter(config: Any) -> None:
    """In a lane the terminal reporter stays registered but hears nothing."""
    manager = config.pluginmanager
    reporter = manager.getplugin("terminalreporter")
    if reporter is None:
        return
    for caller in manager.get_hookcallers(reporter) or ():
        caller._remove_plugin(reporter)


def wanted_reports(config: Any) -> bool:
    """Whether some plug-in of the project needs every report replayed (logreport or terminal_summary hooks)."""
    option = config.option
    for name in ("durations", "xmlpath", "stepwise"):
        if getattr(option, name, None):
            return True
    cache = config.pluginmanager.getplugin("lfplugin")
    if cache is not None and getattr(cache, "lastfailed", None):
        return True
    for name in REPORT_HOOKS:
        for implementation in getattr(config.hook, name).get_hookimpls():
            module = _module_of(implementation.plugin)
            if module.startswith(("_pytest.", "_apex_inside")):
                continue
            if module.split(".")[0] not in CONTENT_WITHOUT_REPORTS:
                return True
    return False


def _module_of(plugin: Any) -> str:
    name = getattr(plugin, "__name__", None) if not isinstance(plugin, type) else None
    if isinstance(name, str) and name in sys.modules:
        return name
    return type(plugin).__module__


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
