"""What the zygote tells of its collection, put together; and what it means when it ends before that.

Rules: pure bookkeeping over messages; nothing is read or started here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from test_framework.engine.executor import Collection, CollectReport
from test_framework.model.errors import UserError
from test_framework.model.outcome import ExitCode
from test_framework.model.plan import TestInfo

_CODES = {2: ExitCode.INTERRUPTED, 3: ExitCode.INTERNAL_ERROR, 5: ExitCode.NO_TESTS}


@dataclass(slots=True)
class Gathering:
    """Everything told so far."""

    rows: list[list[Any]] = field(default_factory=list)
    marks: list[frozenset[str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    reports: list[CollectReport] = field(default_factory=list)
    warnings: list[tuple[str, ...]] = field(default_factory=list)
    deselected: int = 0
    python: str = ""
    pytest: str = ""
    collecting: str = ""
    """the file that is being read"""
    recorded: list[list[Any]] = field(default_factory=list)
    last_words: str = ""
    """why pytest ended, when it said so itself"""

    def take(self, message: Mapping[str, Any]) -> bool:
        """Take one message; False when it is not about collecting."""
        match message["type"]:
            case "items":
                self.rows += message["rows"]
            case "recorded":
                self.recorded += message["rows"]
            case "mark_sets":
                self.marks += [frozenset(row) for row in message["rows"]]
            case "files":
                self.files += message["rows"]
            case "collecting":
                self.collecting = message["node"]
            case "collect_report":
                self.reports.append(
                    CollectReport(message["node"], message["outcome"], message["message"], message["detail"])
                )
            case "warning":
                self.warnings.append(tuple(message["row"]))
            case "deselected":
                self.deselected += message["count"]
            case "ended_by":
                self.last_words = message["message"]
            case "hello":
                self.python, self.pytest = message["python"], message["pytest"]
            case _:
                return False
        return True

    def collection(self, told: Mapping[str, Any], asked: str) -> Collection:
        """The collection, when the zygote has said that it is complete; `asked` is the isolation asked for."""
        isolation, reason = choose_isolation(asked, told["unsafe"])
        return Collection(
            tests=tuple(self._tests()),
            reports=tuple(self.reports),
            warnings=tuple(self.warnings),
            deselected=self.deselected,
            python_version=self.python,
            pytest_version=self.pytest,
            isolation=isolation,
            isolation_reason=reason,
            go_on_after_errors=told["go_on"],
            maxfail=told["maxfail"],
            collect_only=told["collect_only"],
            roots=_roots(told["looked"]["roots"], told["rootdir"]),
            rootdir=told["rootdir"],
            test_files=tuple(told["looked"]["names"]),
            measures_coverage=told["looked"]["covers"],
            recorded=tuple(self.recorded),
        )

    def _tests(self) -> list[TestInfo]:
        files, marks = self.files, self.marks
        return [
            TestInfo(row[0], index, files[row[1]], row[2], row[3], marks[row[4]], row[5], row[6])
            for index, row in enumerate(self.rows)
        ]

    def ended(self, status: int, how: str, output: str) -> UserError:
        """pytest ended before its tests were known: a usage error, a broken conftest, a crash."""
        where = f" while collecting {self.collecting}" if self.collecting else ""
        if how:
            what = f"the project's pytest was {how}{where}"
            return UserError(what, output, ExitCode.INTERNAL_ERROR)
        if self.last_words:
            output = self.last_words
        code = _CODES.get(status, ExitCode.USAGE)
        what = f"the project's pytest ended{where} before any test could run (exit status {status})"
        return UserError(what, output, code)


def _roots(asked: Sequence[str] | None, rootdir: str) -> tuple[str, ...] | None:
    """Where pytest looked, relative to the directory it was started in; None where that is not known."""
    if asked is None:
        return None
    paths = [os.path.relpath(os.path.join(rootdir, each.partition("::")[0]), rootdir) for each in asked]
    if any(path.startswith("..") for path in paths):
        return None
    return tuple(dict.fromkeys("" if path == "." else path for path in paths))


def choose_isolation(asked: str, unsafe: str) -> tuple[str, str]:
    """(fork | spawn | inline, why); `unsafe` says why forking would be, '' when it is safe."""
    if asked in ("inline", "spawn"):
        return asked, "asked for"
    if asked == "fork":
        return "fork", f"asked for, although {unsafe}" if unsafe else ""
    return ("spawn", unsafe) if unsafe else ("fork", "")


def no_python(interpreter: str, status: int, output: str) -> UserError:
    """The interpreter ended before it could say what it is: most often it is no Python."""
    return UserError(
        f"{interpreter} did not start pytest (exit status {status}): is it a Python interpreter?",
        output or "name a Python executable with --python, for example python3.12",
    )


def only_collects() -> UserError:
    return UserError(
        "the project's own pytest options ask for --collect-only, so no test would be run",
        "take it out of addopts; to see what there is, use --dry-run, or --collect-only after --",
    )


def no_pytest(interpreter: str, message: str) -> UserError:
    return UserError(
        f"pytest cannot be used in {interpreter}: {message}",
        "install it there (python -m pip install pytest), or choose another interpreter with --python",
    )
