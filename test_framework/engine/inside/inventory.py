"""Describes the collected items to the controller: who they are, and which of them belong together.

Rules: a chain is the run of items of one file (or one xdist_group, or what the suite itself orders); an item is linked
to its predecessor when both use a class- or module-scoped fixture that does something; unittest's implicit class
fixture counts only where setUpClass or tearDownClass is really defined.
"""

from __future__ import annotations

import types
import unittest
from collections.abc import Iterator
from typing import Any

import pytest

from .explicit_order import INCREMENTAL, explicit_chains

BROAD = ("class", "module", "package")
IMPLICIT_CLASS = ("_unittest_setUpClass_fixture_", "unittest_setUpClass_fixture_")

Row = list[Any]
"""[id, file number, line, chain, mark set number, linked, exclusive]"""
Fixture = tuple[str, int]
"""(scope, identity of its definition)"""
Fixtures = frozenset[Fixture]
OWN_LOCATION, OWN_REPORTINFO = pytest.Item.location, pytest.Function.reportinfo
PLACED_ELSEWHERE = frozenset({"__wrapped__", "place_as", "compat_co_firstlineno"})
"""attributes by which a function says that it stands where another one does (_pytest._code.getfslineno)"""


def _names(marks: list[Any]) -> Iterator[str]:
    """Names of marks; those that name environments, `env("staging")`, also as `env:staging`."""
    for mark in marks:
        yield mark.name
        if mark.name in ("env", "environment"):
            for argument in (*mark.args, *mark.kwargs.values()):
                if isinstance(argument, str):
                    yield mark.name + ":" + argument


class Inventory:
    """Rows for all items of a session, in pytest's order; ids are made unique."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session
        self._measures = getattr(session.config, "_benchmarksession", None) is not None
        self.mark_sets: list[list[str]] = []
        """filled by `rows`: the sets of mark names that its numbers mean"""
        self.files: list[str] = []
        self._broad: dict[int, tuple[Any, Fixtures]] = {}
        self._kinds: dict[int, Fixture | None] = {}
        """by identity of a fixture's definition: what it is, None where its scope is narrow or it does nothing"""
        self._files: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        self._marks: dict[frozenset[str], int] = {}
        self._inherited: dict[Any, frozenset[str]] = {}

    def rows(self) -> Iterator[Row]:
        """One row per item."""
        before: pytest.Item | None = None
        before_chain = None
        explicit = explicit_chains(self.session)
        for item in self.session.items:
            marks = self._mark_names(item)
            group = self._group(item) if "xdist_group" in marks else None
            file = self._file(item)
            chain = (
                f"group:{group}" if group is not None else explicit.get(self.files[file], self.files[file])
            )
            linked = chain.startswith("group:") or (
                chain == before_chain and (INCREMENTAL in marks or self._share(before, item))
            )
            exclusive = "serial" in marks
            if self._measures and "benchmark" in getattr(item, "fixturenames", ()):
                # pytest-benchmark: figures mean something only alone, and its table needs all of them in one process.
                chain, linked, exclusive = "serial:benchmark", True, True
            elif exclusive:
                chain, linked = f"serial:{chain}", False
            line = self._line(item)
            yield [self._unique(item.nodeid), file, line, chain, self._mark_set(marks), linked, exclusive]
            before, before_chain = item, chain

    def _unique(self, nodeid: str) -> str:
        seen = self._ids.get(nodeid, 0) + 1
        self._ids[nodeid] = seen
        return nodeid if seen == 1 else f"{nodeid}#{seen}"

    def _file(self, item: pytest.Item) -> int:
        name = item.nodeid.split("::", 1)[0]
        number = self._files.get(name)
        if number is None:
            number = self._files[name] = len(self.files)
            self.files.append(name)
        return number

    @staticmethod
    def _line(item: pytest.Item) -> int:
        """What `item.location` says, which looks at the disk for each item and delays the first test by all of them."""
        kind: Any = type(item)
        if kind.location is OWN_LOCATION and getattr(kind, "reportinfo", None) is OWN_REPORTINFO:
            function = getattr(item, "obj", None)
            if isinstance(function, types.MethodType):
                function = function.__func__
            if isinstance(function, types.FunctionType) and PLACED_ELSEWHERE.isdisjoint(vars(function)):
                return function.__code__.co_firstlineno
        line = item.location[1]
        return line + 1 if isinstance(line, int) else 0

    def _mark_names(self, node: Any) -> frozenset[str]:
        """Names of the marks of a node and of all that it stands in."""
        own = node.own_markers
        parent = node.parent
        if parent is None:
            return frozenset(_names(own))
        known = self._inherited.get(parent)
        if known is None:
            known = self._inherited[parent] = self._mark_names(parent)
        return known.union(_names(own)) if own else known

    def _mark_set(self, marks: frozenset[str]) -> int:
        number = self._marks.get(marks)
        if number is None:
            number = self._marks[marks] = len(self.mark_sets)
            self.mark_sets.append(sorted(marks))
        return number

    @staticmethod
    def _group(item: pytest.Item) -> str | None:
        mark = item.get_closest_marker("xdist_group")
        if mark is None:
            return None
        return str(mark.args[0] if mark.args else mark.kwargs.get("name", "default"))

    def _share(self, first: pytest.Item | None, second: pytest.Item) -> bool:
        """Whether two neighbours use the same class- or module-scoped fixture."""
        if first is None:
            return False
        shared = self._broad_fixtures(first) & self._broad_fixtures(second)
        if not shared:
            return False
        if any(scope != "class" for scope, _ in shared):
            return True
        return first.getparent(pytest.Class) is second.getparent(pytest.Class)

    def _broad_fixtures(self, item: pytest.Item) -> Fixtures:
        info = getattr(item, "_fixtureinfo", None)
        if info is None:
            return frozenset()
        key = id(info.name2fixturedefs)
        known = self._broad.get(key)
        if known is None or known[0] is not info.name2fixturedefs:
            kinds = [
                self._kind(name, definitions[-1], item)
                for name, definitions in info.name2fixturedefs.items()
                if definitions
            ]
            found = frozenset(kind for kind in kinds if kind is not None)
            known = self._broad[key] = (info.name2fixturedefs, found)
        return known[1]

    def _kind(self, name: str, definition: Any, item: pytest.Item) -> Fixture | None:
        key = id(definition)
        try:
            return self._kinds[key]
        except KeyError:
            scope = str(getattr(definition, "scope", "function"))
            broad = scope in BROAD and not self._idle(name, item)
            kind = self._kinds[key] = (scope, key) if broad else None
            return kind

    @staticmethod
    def _idle(name: str, item: pytest.Item) -> bool:
        """pytest gives every TestCase a class fixture; it does nothing unless the class says so."""
        if not name.startswith(IMPLICIT_CLASS):
            return False
        cls: Any = getattr(item, "cls", None)
        if cls is None or not issubclass(cls, unittest.TestCase):
            return False
        base: Any = unittest.TestCase
        same_up = cls.setUpClass.__func__ is base.setUpClass.__func__
        return bool(same_up and cls.tearDownClass.__func__ is base.tearDownClass.__func__)
