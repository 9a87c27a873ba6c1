"""Plants faults in the suites and asks whether a test that fails would have been left out as proven.

Rules: proofs come from one recorded run of our own command and are decided by the code that decides in a run; what
really happens is said by plain pytest, which runs the whole suite on each mutant; all of it in a copy of the sources.
A test counts only where it is well without a fault, and a miss only where it happens twice.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import commands, outcomes
from benchmarks.mutants import Mutant, data_mutant, python_mutants, sample
from benchmarks.suites import BenchmarkError, Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.page import Page
    from test_framework.core.proof import Decision

GOOD = frozenset({("passed",), ("skipped",), ("xfailed",)})
PATIENCE = 4.0
"""a mutant may take this many times as long as the suite without a fault, and `MORE_SECONDS`"""
MORE_SECONDS = 30.0
NOT_DATA = frozenset({".py", ".pyc", ".pyi", ".so"})
MOST_DATA_BYTES = 1 << 20


@dataclass(slots=True)
class Tally:
    """What came of one suite's mutants."""

    suite: str
    tests: int = 0
    provable: int = 0
    """tests that are proven where nothing changed"""
    mutants: int = 0
    run: int = 0
    """those after which something would have been left out, so that everything was run"""
    biting: int = 0
    """those of them that failed a test"""
    failures: int = 0
    """failing tests over all mutants that were run"""
    asked: int = 0
    spared: int = 0
    unstable: int = 0
    """tests that failed though proven, but not when it was tried again"""
    misses: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Ended:
    """One run of plain pytest."""

    good: frozenset[str]
    bad: frozenset[str]
    """known to be bad; where the process was lost, only what it had told by then"""
    gone: bool
    """whether it ended by itself, so that tests without a report are missing"""

    def fails(self, tests: frozenset[str]) -> frozenset[str]:
        return tests - self.good if self.gone else tests & self.bad


def measure(page: Page, suites: Sequence[Prepared], count: int, seed: int) -> bool:
    """Print a row for each suite; True where no test was missed."""
    page.heading(f"Planted faults, {count} a suite, seed {seed}")
    tallies = []
    for prepared in suites:
        recorded = RecordedCopy(prepared)
        recorded.record()
        tally = recorded.try_these(recorded.sample(count, seed))
        tallies.append(tally)
        for miss in tally.misses:
            page.line(f"- missed: {miss}")
    show(page, tallies)
    return not any(tally.misses for tally in tallies) and all(tally.biting for tally in tallies)


def show(page: Page, tallies: Sequence[Tally]) -> None:
    """A table with a row for each tally, and what its columns mean."""
    header = ("suite", "tests", "provable", "mutants", "all run", "biting", "failures", "spared", "unstable",
              "misses", "miss rate below")  # fmt: skip
    page.table(header, [cells(tally) for tally in tallies])
    page.line(
        "`all run`: mutants after which a test would have been left out, so that plain pytest ran everything; after"
    )
    page.line(
        "the others nothing can be missed. `miss rate below`: of mutants that fail a test, with 95 % certainty."
    )


def cells(tally: Tally) -> list[str]:
    spared = f"{100 * tally.spared / tally.asked:.1f} %" if tally.asked else "-"
    numbers = (tally.tests, tally.provable, tally.mutants, tally.run, tally.biting, tally.failures)
    bound = upper_bound(len(tally.misses), tally.biting)
    shown = "-" if bound is None else f"{100 * bound:.1f} %"
    return [tally.suite, *map(str, numbers), spared, str(tally.unstable), str(len(tally.misses)), shown]


def upper_bound(misses: int, trials: int) -> float | None:
    """Of the rate of misses, with 95 % certainty, where there was none (rule of three); else None."""
    return min(1.0, 3 / trials) if trials and not misses else None


class RecordedCopy:
    """A copy of one suite's sources, whose tests are recorded once and then judged beside each mutant."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.home = prepared.home / "mutations"
        self.root = self.home / "source"
        self.reports = self.home / "reports.jsonl"
        self.log = self.home / "log.txt"
        self.environment: dict[str, str] = {}
        self.seconds = 0.0
        self.stable: frozenset[str] = frozenset()
        """tests that are well without a fault, twice"""
        self.proven: frozenset[str] = frozenset()
        """those of them that are proven where nothing changed"""
        self.tally = Tally(prepared.name)

    def record(self) -> None:
        """Copy, run and record everything once. Raises `BenchmarkError` where that shows nothing."""
        self._copy()
        began = time.monotonic()
        self.stable = self._plain(None).good & self._plain(None).good
        self.seconds = time.monotonic() - began
        if not self.stable:
            raise BenchmarkError(f"{self.prepared.name}: no test is well without a fault, see {self.log}")
        self._record()
        self.proven = self._proven() & self.stable
        if not self.proven:
            raise BenchmarkError(f"{self.prepared.name}: nothing is proven where nothing changed")

    def sample(self, count: int, seed: int) -> Sequence[Mutant]:
        """The first so many mutants of a seed's order; a larger count adds to them and changes none."""
        return sample(self._mutants(), count, seed)

    def try_these(self, mutants: Sequence[Mutant]) -> Tally:
        """Plant one after another; the tally is of these alone."""
        self.tally = Tally(self.prepared.name, tests=len(self.stable), provable=len(self.proven))
        for mutant in mutants:
            file = self.root / mutant.path
            before = file.read_bytes()
            file.write_bytes(mutant.source)
            try:
                self._try(mutant)
            finally:
                file.write_bytes(before)
        if self._proven() & self.stable != self.proven:
            raise BenchmarkError(f"{self.prepared.name}: what was proven before is not proven afterwards")
        return self.tally

    def _try(self, mutant: Mutant) -> None:
        tally, stable = self.tally, self.stable
        decisions = self._decisions()
        proven = _proven(decisions) & stable
        tally.mutants += 1
        tally.asked += len(stable)
        tally.spared += len(proven)
        if not proven:
            return
        tally.run += 1
        limit = self.seconds * PATIENCE + MORE_SECONDS
        failing = self._plain(limit).fails(stable)
        tally.failures += len(failing)
        tally.biting += bool(failing)
        missed = failing & proven
        if missed:
            again = self._plain(limit).fails(missed)
            tally.unstable += len(missed - again)
            if again:
                names = ", ".join(sorted(again)[:3]) + (
                    f" and {len(again) - 3} more" if len(again) > 3 else ""
                )
                tally.misses.append(f"{self.prepared.name}, {mutant}: {names}")

    # -- the copy ---------------------------------------------------------------------------------------------

    def _copy(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        leave = shutil.ignore_patterns(".apex", "__pycache__", ".pytest_cache", ".hypothesis", "*.pyc")
        shutil.copytree(self.prepared.source, self.root, ignore=leave, symlinks=True)
        # Byte code is believed by content only, and none is written: two faults of one size in one second would be one.
        python = str(self.prepared.python)
        compiling = [python, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", str(self.root)]
        subprocess.run(compiling, cwd=self.home, env=commands.environment(), check=False, capture_output=True)
        source = self.root / "src"
        before_the_original = str(source if source.is_dir() else self.root)
        self.environment = {
            **commands.environment(), "PYTHONPATH": before_the_original, "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip

    def _mutants(self) -> Mapping[str, Sequence[Mutant]]:
        """Of all that is tested and of the tests themselves, by path."""
        package = self.root / "src"
        places = [package if package.is_dir() else self.root / self.prepared.suite.name]
        places += [self.root / path for path in self.prepared.suite.paths]
        files: dict[str, Path] = {}
        for place in places:
            found = [place] if place.is_file() else sorted(place.rglob("*"))
            files |= {str(file.relative_to(self.root)): file for file in found if file.is_file()}
        planted: dict[str, Sequence[Mutant]] = {}
        for path, file in files.items():
            if "__pycache__" in path or ".apex" in path:
                continue
            if path.endswith(".py"):
                planted[path] = python_mutants(path, file.read_bytes())
            elif file.suffix not in NOT_DATA and file.stat().st_size < MOST_DATA_BYTES:
                planted[path] = [data_mutant(path, file.read_bytes())]
        return planted

    # -- our side ---------------------------------------------------------------------------------------------

    def _record(self) -> None:
        argv = [
            *commands.our_command(),
            "--project-root",
            str(self.root),
            "--python",
            str(self.prepared.python),
        ]
        argv += ["--fail-fast-mode", "disabled", "--recorder", "--no-cache", "--", *self.prepared.suite.paths]
        with self.log.open("wb") as log:
            ended = subprocess.run(
                argv, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            )  # fmt: skip
        if ended.returncode not in (0, 1):
            raise BenchmarkError(
                f"{self.prepared.name}: the recorded run ended with {ended.returncode}, see {self.log}"
            )

    def _decisions(self) -> Mapping[str, Decision]:
        from test_framework.core.proof import decide
        from test_framework.core.selection import Wish
        from test_framework.engine.processes import test_environment
        from test_framework.orchestration.gate import Request, recollect
        from test_framework.records.present import Surroundings

        surroundings = Surroundings(
            root=self.root,
            executable=str(self.prepared.python),
            environ=test_environment(self.environment, "", {}),
            arguments=self.prepared.suite.paths,
        )
        remembered = recollect(Request(wish=Wish(), surroundings=surroundings), self.root / ".apex")
        if remembered.now is None:
            raise BenchmarkError(f"{self.prepared.name}: {remembered.why}")
        return decide(remembered.memory, remembered.now)

    def _proven(self) -> frozenset[str]:
        return _proven(self._decisions())

    # -- plain pytest -----------------------------------------------------------------------------------------

    def _plain(self, limit: float | None) -> _Ended:
        """Run everything; a run that takes longer than the limit is ended, and what it told by then counts."""
        self.reports.unlink(missing_ok=True)
        argv = commands.recorded(self.prepared, self.reports, commands.Options(1, cache_provider=False))
        argv += ["--apex-benchmark-at-once", "--continue-on-collection-errors"]
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                argv, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
            try:
                code: int | None = process.wait(limit)
            except subprocess.TimeoutExpired:
                code = None
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return read_reports(self.reports, by_itself=code is not None and code >= 0)


def read_reports(record: Path, *, by_itself: bool) -> _Ended:
    """What a run told; a test that had begun and told nothing was the one that never ended."""
    begun: dict[str, None] = {}
    reports = []
    if record.is_file():
        for line in record.read_text(encoding="utf-8").splitlines():
            report = json.loads(line)
            if report["when"] == "start":
                begun[report["test"]] = None
            else:
                reports.append(report)
    over = {report["test"] for report in reports if report["when"] == "teardown"}
    results = outcomes.fold_reports(reports)
    good = frozenset(test for test in over if results[test] in GOOD)
    return _Ended(good, frozenset(begun) - good, by_itself)


def _proven(decisions: Mapping[str, Decision]) -> frozenset[str]:
    from test_framework.core.proof import Proven

    return frozenset(test for test, one in decisions.items() if isinstance(one, Proven))
