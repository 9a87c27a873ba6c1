"""Which plug-ins hear what became of a test: in a lane those that xdist's workers would have, in the zygote all.

Rules: a plug-in whose `pytest_configure` looks for `workerinput` (xdist's convention for "only in the main process")
hears the lanes' reports in the zygote alone; so does pytest's terminal reporter. Nothing is unregistered.
"""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

CONTENT_WITHOUT_REPORTS = frozenset({"pytest_cov", "_hypothesis_pytestplugin", "hypothesispytest", "xdist"})
"""Plug-ins whose summary needs no replayed reports."""

REPORT_HOOKS = (
    "pytest_runtest_logreport",
    "pytest_terminal_summary",
    "pytest_runtest_logstart",
    "pytest_runtest_logfinish",
    "pytest_warning_recorded",
)
MUTED_HOOKS = (*REPORT_HOOKS, "pytest_sessionfinish")


def wanted_reports(config: Any) -> bool:
    """Whether some plug-in of the project needs every report replayed in the zygote."""
    option = config.option
    for name in ("durations", "xmlpath", "stepwise", "max_warnings"):
        if getattr(option, name, None) is not None and getattr(option, name) is not False:
            return True
    if _configured(config, "max_warnings"):
        return True
    cache = config.pluginmanager.getplugin("lfplugin")
    if cache is not None and getattr(cache, "lastfailed", None):
        return True
    for name in REPORT_HOOKS:
        for implementation in getattr(config.hook, name).get_hookimpls():
            module = module_of(implementation.plugin)
            if module.startswith(("_pytest.", "_apex_inside")):
                continue
            if module.split(".")[0] not in CONTENT_WITHOUT_REPORTS:
                return True
    return False


def _configured(config: Any, name: str) -> bool:
    """Whether a setting is known to this pytest and has a value."""
    try:
        return bool(config.getini(name))
    except (KeyError, ValueError):
        return False


def mute_for_lane(config: Any) -> None:
    """In a lane, what only the zygote's session has to show or write hears nothing."""
    manager = config.pluginmanager
    reporter = manager.getplugin("terminalreporter")
    if reporter is not None:
        mute(manager, reporter, None)
    homes = {
        _home_of(plugin)
        for plugin in manager.get_plugins()
        if _looks_for_workers(getattr(plugin, "pytest_configure", None))
    }
    for plugin in list(manager.get_plugins()):
        if hasattr(plugin, "__file__") or isinstance(plugin, type):
            continue  # a module looks for itself whether it is in a worker
        if _home_of(plugin) in homes:
            mute(manager, plugin, MUTED_HOOKS)


def mute(manager: Any, plugin: Any, hooks: tuple[str, ...] | None) -> None:
    """Let a plug-in hear none of these hooks (None: none at all); pluggy must be able to unregister it later."""
    remembered = getattr(manager, "_plugin2hookcallers", {})
    for caller in list(manager.get_hookcallers(plugin) or ()):
        if hooks is None or caller.name in hooks:
            caller._remove_plugin(plugin)
            if caller in remembered.get(plugin, ()):
                remembered[plugin].remove(caller)


def _looks_for_workers(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return False
    return "workerinput" in code.co_names or "workerinput" in code.co_consts


def _home_of(plugin: Any) -> str:
    """What one project wrote: its package; of pytest itself, which is many plug-ins, the module."""
    module = module_of(plugin)
    return module if module.startswith("_pytest.") else module.split(".")[0]


def module_of(plugin: Any) -> str:
    name = getattr(plugin, "__name__", None) if not isinstance(plugin, type) else None
    if isinstance(name, str) and name in sys.modules:
        return name
    return type(plugin).__module__
