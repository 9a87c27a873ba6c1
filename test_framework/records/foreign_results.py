"""Results that other runners wrote, as one list of cases: the words that JUnit and CTRF share.

Rules: what a file says is data of strangers: nothing in it is believed to be a path until it lies in the project; a
case that names no test of the project is counted and named, never guessed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from test_framework.model.outcome import BAD, Outcome

MOST_BYTES = 64 * 1024 * 1024
"""of one file of results"""
MOST_CASES = 500_000
_STEP = re.compile(r"[A-Za-z_]\w*\Z")


class ForeignError(ValueError):
    """Why a file is no result that can be taken in; one line."""


@dataclass(slots=True)
class Case:
    """One test as another runner saw it. `seconds` is None where it does not say."""

    name: str
    classname: str = ""
    file: str = ""
    suite: tuple[str, ...] = ()
    outcome: Outcome = Outcome.PASSED
    seconds: float | None = None
    message: str = ""
    detail: str = ""
    earlier: list[tuple[Outcome, str]] = field(default_factory=list)
    """outcomes and messages of attempts before the last"""

    @property
    def title(self) -> str:
        """For people: how the file names it."""
        return "::".join(
            word for word in (self.file or self.classname or "/".join(self.suite), self.name) if word
        )


@dataclass(slots=True)
class Foreign:
    """What one file holds. `began`: RFC 3339 UTC or empty."""

    runner: str
    began: str = ""
    cases: list[Case] = field(default_factory=list)
    seconds: float = 0.0


class Names:
    """Finds the node id that a case means: its file must be there, its names must be names."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._files: dict[str, bool] = {}

    def node_id(self, case: Case) -> str | None:
        """The pytest node id; None when the case is no test of a file in this project."""
        head, separator, rest = case.name.partition("::")
        if separator and head.endswith(".py"):
            return case.name if rest and self._exists(head) else None
        file = self._relative(case.file)
        if file is not None:
            return self._in_file(file, case)
        return self._by_classname(case)

    def _in_file(self, file: str, case: Case) -> str | None:
        if not file.endswith(".py"):
            return None
        module = file.removesuffix(".py").replace("/", ".")
        classname = case.classname
        if classname == module or classname.startswith(module + "."):
            classes = classname[len(module) + 1 :]
        else:
            last = module.rpartition(".")[2]
            _, found, after = f".{classname}.".rpartition(f".{last}.")
            classes = after.rstrip(".") if found else classname
        return _joined(file, classes, case.name)

    def _by_classname(self, case: Case) -> str | None:
        """The longest beginning of a dotted name that is a Python file; the rest are classes."""
        steps = case.classname.split(".")
        if not case.classname or not all(steps):
            return None
        for length in range(len(steps), 0, -1):
            file = "/".join(steps[:length]) + ".py"
            if self._exists(file):
                return _joined(file, ".".join(steps[length:]), case.name)
        return None

    def _relative(self, file: str) -> str | None:
        if not file or "\0" in file:
            return None
        path = Path(os.path.normpath(self._root / file.replace("\\", "/")))
        if not path.is_relative_to(self._root):
            return None
        relative = path.relative_to(self._root).as_posix()
        return relative if self._exists(relative) else None

    def _exists(self, file: str) -> bool:
        if file not in self._files:
            try:
                path = (self._root / file).resolve()
                self._files[file] = path.is_relative_to(self._root) and path.is_file()
            except (OSError, ValueError, RuntimeError):
                self._files[file] = False
        return self._files[file]


def _joined(file: str, classes: str, name: str) -> str | None:
    steps = [step for step in classes.split(".") if step]
    if not name or not all(_STEP.match(step) for step in steps):
        return None
    return "::".join([file, *steps, name])


def merged(cases: Iterable[tuple[str, Case]]) -> tuple[dict[str, Case], int]:
    """One case for each node id, and how many more there were.

    Some runners write two (a failure and the error of its teardown): the worse outcome stays, the seconds add up.
    """
    found: dict[str, Case] = {}
    more = 0
    for node_id, case in cases:
        before = found.get(node_id)
        if before is None:
            found[node_id] = case
            continue
        more += 1
        known = [seconds for seconds in (before.seconds, case.seconds) if seconds is not None]
        stays = case if case.outcome in BAD and before.outcome not in BAD else before
        stays.seconds = sum(known) if known else None
        found[node_id] = stays
    return found, more
