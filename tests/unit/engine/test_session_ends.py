"""Which ends of the session a lane leaves to the session that began it."""

from __future__ import annotations

import shutil
from functools import partial
from typing import Any

import pytest

from test_framework.engine.inside.session_ends import ENDS, SessionEnds

pytest_plugins = "pytester"
pytestmark = pytest.mark.unit

CONFTEST = """
def pytest_sessionstart(): pass
def pytest_sessionfinish(): pass
def pytest_unconfigure(): pass
def pytest_runtest_setup(): pass
"""


def _hooks(manager: Any, plugin: Any) -> set[str]:
    return {caller.name for caller in manager.get_hookcallers(plugin) or ()}


def test_the_project_s_own_ends_are_left_and_pytest_s_are_not(pytester: pytest.Pytester) -> None:
    conftest = pytester.makeconftest(CONFTEST)
    config = pytester.parseconfigure(str(pytester.path))
    manager = config.pluginmanager
    ours = next(each for each in manager.get_plugins() if getattr(each, "__file__", "") == str(conftest))
    theirs = {each: _hooks(manager, each) for each in manager.get_plugins() if each is not ours}
    assert any(hooks.intersection(ENDS) for hooks in theirs.values())
    SessionEnds(config).leave_to_zygote()
    assert _hooks(manager, ours) == {"pytest_sessionstart", "pytest_runtest_setup"}
    assert {each: _hooks(manager, each) for each in theirs} == theirs


def test_clean_ups_that_the_project_asked_for_are_left(pytester: pytest.Pytester) -> None:
    done: list[str] = []
    config = pytester.parseconfigure(str(pytester.path))

    def of_pytest() -> None:
        done.append("pytest")

    of_pytest.__module__ = "_pytest.capture"
    config.add_cleanup(of_pytest)
    config.add_cleanup(lambda: done.append("project"))
    config.add_cleanup(partial(shutil.rmtree, "nothing that is there"))
    SessionEnds(config).leave_to_zygote()
    config._ensure_unconfigure()
    assert done == ["pytest"]
