"""What a suite's own marks say about the order of its tests."""

from __future__ import annotations

import pytest

from test_framework.engine.inside.explicit_order import explicit_chains
from test_framework.engine.inside.inventory import Inventory

pytest_plugins = "pytester"
pytestmark = pytest.mark.unit

MARKED = """
import pytest

@pytest.mark.order(1)
@pytest.mark.run(order=1)
def test_first():
    pass

def test_unmarked():
    pass

@pytest.mark.dependency(depends=["test_first"]{scope})
def test_depends():
    pass
"""
MARKS = "[pytest]\nmarkers =\n    order\n    run\n    dependency\n    incremental\n"
PLAIN = "def test_plain(): pass"


def _session(pytester: pytest.Pytester, plugin: str, scope: str = "") -> pytest.Session:
    pytester.makepyfile(
        test_one=MARKED.format(scope=scope), test_two=PLAIN, test_three=MARKED.format(scope="")
    )
    pytester.makeini(MARKS)
    config = pytester.parseconfigure()
    config.pluginmanager.register(object(), plugin)
    session = pytest.Session.from_config(config)
    config.hook.pytest_sessionstart(session=session)
    session.perform_collect()
    return session


@pytest.mark.parametrize("plugin", ["pytest_order", "pytest_ordering"])
def test_all_files_with_a_place_in_an_order_are_one_chain(pytester: pytest.Pytester, plugin: str) -> None:
    session = _session(pytester, plugin)
    assert explicit_chains(session) == dict.fromkeys(["test_one.py", "test_three.py"], "group:order")


def test_files_whose_tests_depend_on_each_other_are_kept_whole_apart(pytester: pytest.Pytester) -> None:
    session = _session(pytester, "dependency")
    assert explicit_chains(session) == {
        "test_one.py": "group:dependency:test_one.py",
        "test_three.py": "group:dependency:test_three.py",
    }


def test_a_dependency_on_another_file_makes_all_such_files_one_chain(pytester: pytest.Pytester) -> None:
    session = _session(pytester, "dependency", ", scope='session'")
    assert explicit_chains(session) == dict.fromkeys(["test_one.py", "test_three.py"], "group:dependency")


def test_marks_of_a_plug_in_that_is_not_loaded_say_nothing(pytester: pytest.Pytester) -> None:
    assert explicit_chains(_session(pytester, "another")) == {}


def test_every_test_of_such_a_file_is_linked_and_no_other(pytester: pytest.Pytester) -> None:
    rows = list(Inventory(_session(pytester, "dependency")).rows())
    assert {row[0]: row[5] for row in rows} == {
        **{
            f"test_{file}.py::test_{name}": True
            for file in ("one", "three")
            for name in ("first", "unmarked", "depends")
        },
        "test_two.py::test_plain": False,
    }


def test_tests_of_an_incremental_class_are_linked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.incremental
        class TestSteps:
            def test_one(self): pass
            def test_two(self): pass

        def test_other(): pass
        """
    )
    pytester.makeini(MARKS)
    config = pytester.parseconfigure()
    session = pytest.Session.from_config(config)
    config.hook.pytest_sessionstart(session=session)
    session.perform_collect()
    assert [row[5] for row in Inventory(session).rows()] == [False, True, False]
