"""What the project's side tells of a test's marks."""

from __future__ import annotations

import pytest

from test_framework.core.leaving_out import environments_of
from test_framework.engine.inside.inventory import Inventory, _names

pytest_plugins = "pytester"
pytestmark = pytest.mark.unit

ODDLY_PLACED = """
import functools
import unittest
from unittest import mock

import pytest


def wrapping(function):
    @functools.wraps(function)
    def wrapped(*arguments, **named):
        return function(*arguments, **named)
    return wrapped


@pytest.fixture(scope="module")
def shared():
    return 1


def test_plain():
    pass


@pytest.mark.parametrize("number", [1, 2])
@wrapping
def test_decorated(number):
    pass


@mock.patch("os.getcwd")
def test_patched(getcwd):
    pass


test_partial = functools.partial(test_decorated, 3)
test_lambda = lambda: None


class TestGroup:
    def test_first(self, shared):
        pass

    @staticmethod
    def test_static(shared):
        pass

    test_borrowed = test_plain


class TestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        pass

    def test_first(self):
        pass

    def test_second(self):
        pass


class TestIdle(unittest.TestCase):
    def test_first(self):
        pass

    @unittest.skip("not now")
    def test_second(self):
        pass
"""


class Listed(pytest.Item):
    """An item of a plug-in, placed where it says."""

    def runtest(self) -> None:
        raise NotImplementedError

    def reportinfo(self) -> tuple[str, int, str]:
        return "listed.txt", 41, "listed"


def test_a_test_s_line_is_the_one_that_pytest_says(pytester: pytest.Pytester) -> None:
    module = pytester.getmodulecol(ODDLY_PLACED)
    items = [*pytester.genitems([module]), Listed.from_parent(module, name="listed")]
    session = module.session
    session.items = items
    told = [(row[0], row[2]) for row in Inventory(session).rows()]
    assert told == [(item.nodeid, (item.location[1] or 0) + 1) for item in items]
    assert len(told) == 14
    assert len({line for _, line in told}) == 12
    assert told[-1][1] == 42


def test_neighbours_are_linked_where_a_broad_fixture_that_does_something_joins_them(
    pytester: pytest.Pytester,
) -> None:
    module = pytester.getmodulecol(ODDLY_PLACED)
    module.session.items = pytester.genitems([module])
    linked = [row[0].partition("::")[2] for row in Inventory(module.session).rows() if row[5]]
    assert linked == ["TestGroup::test_static", "TestCase::test_second"]


def test_marks_that_name_environments_carry_the_names_and_others_only_their_own() -> None:
    marks = [
        pytest.Mark("env", ("staging", "production"), {}, _ispytest=True),
        pytest.Mark("environment", (), {"name": "dev"}, _ispytest=True),
        pytest.Mark("skipif", (True,), {"reason": "staging"}, _ispytest=True),
        pytest.Mark("env", (3,), {}, _ispytest=True),
    ]
    names = frozenset(_names(marks))
    assert names == {
        "env",
        "env:staging",
        "env:production",
        "environment",
        "environment:dev",
        "skipif",
    }
    assert environments_of(names) == {"staging", "prod", "dev"}
