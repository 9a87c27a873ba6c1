"""What is proven and what is owed of each state of the project, over several runs: `.apex/ledger.json`.

Rules: a state is a tree as git names it (`records/checkout.py`). A test of it is paid when it ended well in a run of
that tree, or was proven there; a later bad end makes it owed again. A tree is verified when a run that leaves nothing
out has collected its tests, and all of them are paid. Only the newest trees are kept; a file that is damaged or of
another version is begun anew. What a status shows stands in the first line (`records/overview.py` reads it).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from test_framework.core.proof import PROVABLE
from test_framework.model import facts as f
from test_framework.model.outcome import BAD
from test_framework.records.account import Account
from test_framework.records.changes import write_derived
from test_framework.records.checkout import Checkout
from test_framework.records.lock import locked
from test_framework.records.places import RUN_ID
from test_framework.records.runs import read_facts

NAME = "ledger.json"
VERSION = 1
KEEP_TREES = 12


@dataclass(slots=True)
class Tree:
    """One state of the project."""

    tree: str
    revision: str
    dirty: bool
    run: str
    """the newest run that saw it"""
    whole: str = ""
    """a run that has collected all of its tests"""
    tests: int = 0
    owed: set[str] = field(default_factory=set)

    @property
    def verified(self) -> bool:
        return bool(self.whole) and not self.owed

    @property
    def name(self) -> str:
        """For people: the commit, with `+` where something is not committed."""
        return f"{self.revision[:10]}{'+' if self.dirty else ''}"


@dataclass(slots=True)
class Ledger:
    """The trees, oldest first, with the tests that each of them has."""

    trees: list[Tree] = field(default_factory=list)
    tests: dict[str, set[str]] = field(default_factory=dict)
    """by tree"""

    def take(self, checkout: Checkout, run: str, account: Account, *, whole: bool) -> None:
        """Add a run's account. `whole`: it left out nothing that the project has."""
        if not checkout.tree:
            return
        found = next((each for each in self.trees if each.tree == checkout.tree), None)
        tree = found or Tree(checkout.tree, checkout.revision, bool(checkout.dirty), run)
        if found is not None:
            self.trees.remove(found)
        self.trees.append(tree)
        tree.run, tree.revision, tree.dirty = run, checkout.revision, bool(checkout.dirty)
        tests = self.tests.setdefault(tree.tree, set())
        if whole and not account.broken:
            tree.whole = run
        tree.owed |= account.collected.keys() - tests
        tests.update(account.collected)
        ends = account.endings.items()
        tree.owed -= account.proven
        tree.owed -= {test for test, one in ends if one.outcome in PROVABLE}
        tree.owed |= {test for test, one in ends if one.outcome in BAD}
        tree.tests = len(tests)
        for old in self.trees[:-KEEP_TREES]:
            self.tests.pop(old.tree, None)
        del self.trees[:-KEEP_TREES]


def keep(base: Path, checkout: Checkout, run: str, account: Account, *, whole: bool) -> None:
    """Take a run into the file. Raises OSError."""
    if checkout.tree:
        with locked(base):
            ledger = load(base)
            ledger.take(checkout, run, account, whole=whole)
            save(ledger, base)


def rebuild(base: Path) -> int:
    """Make the file anew from the runs that are still there and over; how many states it knows. Raises OSError.

    Where the run is gone that has collected all tests of a state, or did not record that it has, this knows less than
    there was before.
    """
    ledger = Ledger()
    with locked(base):
        for name in sorted(os.listdir(base / "runs")) if (base / "runs").is_dir() else ():
            if RUN_ID.match(name):
                _take_run(ledger, base / "runs" / name)
        save(ledger, base)
    return len(ledger.trees)


def _take_run(ledger: Ledger, directory: Path) -> None:
    account, checkout, whole, over = Account(), Checkout(), False, False
    try:
        for stamped in read_facts(directory / "facts.jsonl"):
            account.take(stamped.fact)
            match stamped.fact:
                case f.RunStarted() as started:
                    checkout = Checkout(started.revision, started.tree, started.dirty)
                case f.RunPlanned() as planned:
                    whole = planned.whole
                case f.RunFinished():
                    over = True
    except FileNotFoundError:
        return
    if over:
        ledger.take(checkout, directory.name, account, whole=whole)


def load(base: Path) -> Ledger:
    """What is kept; an empty ledger where nothing is, or nothing that can be used."""
    try:
        return _read((base / NAME).read_bytes())
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return Ledger()


def _read(content: bytes) -> Ledger:
    head, *lines = content.splitlines()
    about = json.loads(head)
    ledger = Ledger()
    if about["version"] != VERSION:
        return ledger
    names, *rows = (json.loads(line) for line in lines)
    for told, (tests, owed) in zip(about["trees"], rows, strict=True):
        tree = _tree(told)
        tree.owed = {names[number] for number in owed}
        ledger.trees.append(tree)
        ledger.tests[tree.tree] = {names[number] for number in tests}
    return ledger


def save(ledger: Ledger, base: Path) -> None:
    """Replace the file. Raises OSError."""
    numbers: dict[str, int] = {}

    def numbered(tests: Iterable[str]) -> list[int]:
        return [numbers.setdefault(test, len(numbers)) for test in sorted(tests)]

    rows = [[numbered(ledger.tests[tree.tree]), numbered(tree.owed)] for tree in ledger.trees]
    trees = [
        [each.name, each.tree, each.revision, each.dirty, each.run, each.whole, each.tests, len(each.owed)]
        for each in ledger.trees
    ]
    lines = [{"version": VERSION, "trees": trees}, list(numbers), *rows]
    write_derived(base / NAME, b"\n".join(json.dumps(one, separators=(",", ":")).encode() for one in lines))


def _tree(told: list[Any]) -> Tree:
    _, tree, revision, dirty, run, whole, tests, _ = told
    return Tree(tree, revision, dirty, run, whole, tests)
