"""A working day in small: `python -m benchmarks.replay [--suite NAME] [--edits N] [--seed N]`.

Rules: edits of one place each are made in a copy of a suite, one after another; one that fails a test is taken back,
which is an edit too, the others stay. After each edit the verdict is asked of plain pytest, of pytest-xdist and of our
command with all that it remembers, in turn. Ends with 1 where our failing tests were not plain pytest's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import commands, machine
from benchmarks.mutants import Mutant
from benchmarks.mutations import RecordedCopy
from benchmarks.page import Page
from benchmarks.suites import VERSIONS, BenchmarkError, default_work, find_prepared
from benchmarks.turn import take_turn
from test_framework.model.outcome import BAD

if TYPE_CHECKING:
    from collections.abc import Iterator

BEFORE_THE_FIRST = 1.0
"""seconds from recording to the first edit: what is edited in the moment of a run is not believed"""
WORDS_OF_BAD = frozenset(outcome.value for outcome in BAD)


@dataclass(slots=True)
class Day:
    """What came of one suite's edits; seconds of each verdict."""

    suite: str
    edits: int = 0
    faulty: int = 0
    hung: int = 0
    """edits that made plain pytest hang until it was stopped: in no sum, since only the limit would be measured"""
    plain: list[float] = field(default_factory=list)
    xdist: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    executed: list[int] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


class Replay(RecordedCopy):
    """A recorded copy in which edits follow one another."""

    def live(self, count: int, seed: int) -> Day:
        """Make so many edits; a fault and its repair are two."""
        self.record()
        self._proof_of_the_copy()
        day = Day(self.prepared.name)
        edits = iter(self.sample(10 * count, seed))
        while day.edits < count:
            mutant = next(edits, None)
            if mutant is None:
                raise BenchmarkError(f"{self.prepared.name} has no place left for an edit")
            file = self.root / mutant.path
            before = file.read_bytes()
            if not self._plant(file, mutant):
                continue
            if self._verdicts(day, str(mutant)):
                file.write_bytes(before)
                self._verdicts(day, f"{mutant}, taken back")
        return day

    @staticmethod
    def _plant(file: Path, mutant: Mutant) -> bool:
        """Make the edit where the text that it changes is there still and there once."""
        if not mutant.path.endswith(".py"):
            return False
        text, was = file.read_bytes(), mutant.was.encode()
        lines = text.splitlines(keepends=True)
        place = mutant.line - 1
        if not was or b"\n" in was or place >= len(lines) or lines[place].count(was) != 1:
            return False
        lines[place] = lines[place].replace(was, mutant.becomes.encode())
        changed = b"".join(lines)
        try:
            compile(changed, mutant.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
        file.write_bytes(changed)
        return True

    def _proof_of_the_copy(self) -> None:
        time.sleep(BEFORE_THE_FIRST)
        self._ours()

    def _verdicts(self, day: Day, edit: str) -> bool:
        """Ask all three; whether the edit fails a test."""
        limit = 4 * self.seconds + 30
        began = time.monotonic()
        truth = self._plain(limit)
        if not truth.gone:
            day.hung += 1
            return True
        day.plain.append(time.monotonic() - began)
        failing = truth.fails(self.stable)
        day.xdist.append(
            self._timed(commands.xdist(self.prepared, commands.Options(2, cache_provider=False)), limit)
        )
        seconds, ours, executed = self._ours()
        day.ours.append(seconds)
        day.executed.append(executed)
        day.edits += 1
        day.faulty += bool(failing)
        if ours & self.stable != failing:
            missed, more = sorted(failing - ours)[:3], sorted((ours & self.stable) - failing)[:3]
            day.differences.append(f"{self.prepared.name}, {edit}: not seen {missed}, seen by us only {more}")
        return bool(failing)

    def _timed(self, argv: list[str], limit: float) -> float:
        began = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):  # its time is the limit then
            subprocess.run(
                argv, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                check=False, timeout=limit,
            )  # fmt: skip
        return time.monotonic() - began

    def _ours(self) -> tuple[float, frozenset[str], int]:
        """(seconds, bad tests, how many were executed); bad ones that are owed for a loss count as bad."""
        argv = [
            *commands.our_command(), "--project-root", str(self.root), "--python", str(self.prepared.python),
            "--fail-fast-mode", "disabled", "--progress-mode", "json", "--", *self.prepared.suite.paths,
        ]  # fmt: skip
        began = time.monotonic()
        ended = subprocess.run(
            argv, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        seconds = time.monotonic() - began
        bad, executed = _told(ended.stdout)
        return seconds, bad, executed


def _told(output: bytes) -> tuple[frozenset[str], int]:
    last: dict[str, str] = {}
    executed = 0
    for line in output.splitlines():
        fact = json.loads(line)
        if fact["type"] == "test.finished":
            last[fact["test"]] = fact["outcome"]
        elif fact["type"] == "run.finished":
            executed = fact.get("executed", 0)
    return frozenset(test for test, outcome in last.items() if outcome in WORDS_OF_BAD), executed


def rows(days: list[Day]) -> Iterator[list[str]]:
    for day in days:
        ours, plain, xdist = sum(day.ours), sum(day.plain), sum(day.xdist)
        sums = (plain, xdist, ours)
        yield [
            day.suite, *map(str, (day.edits, day.faulty, day.hung)), *(f"{each:.1f}" for each in sums),
            f"{statistics.median(day.ours):.2f}", f"{statistics.median(day.executed):g}",
            *(f"{100 * (1 - ours / each):.0f} %" for each in sums[:2]), str(len(day.differences)),
        ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__)
    parser.add_argument("--suite", action="append", default=[], metavar="NAME", help="only this; repeatable")
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--python", default=VERSIONS[0], help=f"of the suites ({VERSIONS[0]})")
    parser.add_argument("--work", type=Path, default=default_work(), metavar="DIR")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    page = Page()
    with take_turn(work, sys.stderr.write):
        page.line("# Benchmarks: replay of edits\n")
        machine.describe(page, {})
        suites = find_prepared(work, arguments.suite, arguments.python)
        days = [Replay(each).live(arguments.edits, arguments.seed) for each in suites]
    page.heading(f"{arguments.edits} edits a suite, seed {arguments.seed}; seconds of all verdicts together")
    header = ("suite", "edits", "faulty", "hung", "pytest", "xdist -n 2", "ours", "ours, median", "tests run, median",
              "less than pytest", "less than xdist", "differences")  # fmt: skip
    page.table(header, list(rows(days)))
    for day in days:
        for difference in day.differences:
            page.line(f"- {difference}")
    return 1 if any(day.differences for day in days) else 0


if __name__ == "__main__":
    raise SystemExit(main())
