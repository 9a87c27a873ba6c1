"""A whole cold run against plain pytest, pytest-xdist, pytest-split and the limit that none can beat.

Rules: all contenders run alternately on the same tree; every row is printed, won or lost; a row that did
not do its work (wrong exit code, other number of tests) is marked and its ratios stay empty.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import commands, figures, outcomes
from benchmarks.compare import Contender, Row, alternate, time_commands
from benchmarks.goals import Scores, goal_rows
from benchmarks.suites import BenchmarkError, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.commands import Options
    from benchmarks.page import Page

SERIAL, XDIST, SPLIT = "serial", "xdist", "pytest-split"
OURS, FIRST = "ours", "ours, first run"
RECORDING = "ours, recording"
COLLECT, RECORDED = "collect only", "serial, recorded"


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows of one suite and what follows from them."""

    prepared: Prepared
    rows: dict[str, Row]
    tests: int
    limit: float | None

    def figure(self, name: str) -> float | None:
        """The row's median in seconds, or None when the row did not do its work."""
        row = self.rows[name]
        return None if row.faults else row.median

    def scores(self) -> Scores:
        ours = self.figure(OURS)
        return Scores(
            suite=self.prepared.name,
            against_xdist=figures.ratio(self.figure(XDIST), ours),
            against_serial=figures.ratio(self.figure(SERIAL), ours),
            against_split=figures.ratio(self.figure(SPLIT), ours),
            first_against_xdist=figures.ratio(self.figure(XDIST), self.figure(FIRST)),
            distance=figures.ratio(ours, self.limit),
            limit_against_xdist=figures.ratio(self.figure(XDIST), self.limit),
            serial_seconds=self.figure(SERIAL),
        )


def measure(page: Page, suites: Sequence[Prepared], options: Options, rounds: int) -> bool:
    """Print the tables of all suites and the goals; True when all did their work and all goals are met."""
    page.heading(f"Full cold run, {options.processes} processes, {rounds} round(s)")
    page.line("Dependency recorder: off but in the column that says so. Seconds of wall time, medians.\n")
    measured = [_measure_suite(prepared, options, rounds) for prepared in suites]
    _print_times(page, measured, options)
    scores = [each.scores() for each in measured]
    _print_ratios(page, scores)
    goals = goal_rows(scores)
    page.table(("goal", "wanted", "measured", "met"), [goal.cells() for goal in goals])
    for each in measured:
        for row in each.rows.values():
            if row.fault:
                page.line(f"- {each.prepared.name}, {row.name}: {row.fault}")
    _print_samples(page, measured)
    return all(goal.met for goal in goals) and not any(
        row.faults for each in measured for row in each.rows.values()
    )


def _measure_suite(prepared: Prepared, options: Options, rounds: int) -> Measured:
    record = prepared.logs / "durations.jsonl"
    plain_exit = _warm_up(prepared, options, record)
    tests = outcomes.durations(outcomes.read_lines(record)).tests
    totals: list[float] = []
    longests: list[float] = []

    def note_durations() -> str:
        durations = outcomes.durations(outcomes.read_lines(record))
        totals.append(durations.total)
        longests.append(durations.longest)
        return ""

    contenders = _contenders(prepared, options, record, frozenset({plain_exit}), tests, note_durations)
    rows = alternate(contenders, rounds)
    longest, total = figures.median(longests), figures.median(totals)
    known = longest is not None and total is not None and not rows[COLLECT].faults
    limit = (
        figures.limit(rows[COLLECT].median, longest or 0.0, total or 0.0, options.processes)
        if known
        else None
    )
    return Measured(prepared, rows, tests, limit)


def _warm_up(prepared: Prepared, options: Options, record: Path) -> int:
    """Untimed runs that make byte code, durations and records; returns plain pytest's exit code (0 or 1)."""
    record.unlink(missing_ok=True)
    codes = []
    for name, argv in (
        ("store durations", commands.store_durations(prepared, options)),
        (RECORDED, commands.recorded(prepared, record, options)),
    ):
        code = time_commands(contender(prepared, name, [argv]))[1][0]
        if code not in (0, 1):
            raise BenchmarkError(f"{prepared.name}: plain pytest ended with {code}, see {prepared.logs}")
        codes.append(code)
    if not record.is_file():
        raise BenchmarkError(f"{prepared.name}: plain pytest left no record, see {prepared.logs}")
    time_commands(contender(prepared, OURS, [commands.ours(prepared, options, "--no-cache")]))
    return codes[-1]


def contender(
    prepared: Prepared,
    name: str,
    argvs: Sequence[Sequence[str]],
    exit_codes: frozenset[int] = frozenset({0}),
    before: Callable[[], None] | None = None,
    after: Callable[[], str] | None = None,
) -> Contender:
    """A contender that runs in the suite's directory and logs beside it."""
    log = prepared.logs / f"{name.replace(',', '').replace(' ', '-')}.txt"
    return Contender(
        name=name,
        commands=argvs,
        cwd=prepared.source,
        environment=commands.environment(),
        log=log,
        exit_codes=exit_codes,
        before=before,
        after=after,
    )


def _contenders(
    prepared: Prepared,
    options: Options,
    record: Path,
    expected: frozenset[int],
    tests: int,
    note_durations: Callable[[], str],
) -> list[Contender]:
    apex, kept = prepared.source / ".apex", prepared.home / "apex-kept"

    def forget() -> None:
        shutil.rmtree(kept, ignore_errors=True)
        if apex.exists():
            apex.rename(kept)

    def check() -> str:
        return work_done(apex, tests)

    def remember() -> str:
        complaint = check()
        if kept.exists():
            shutil.rmtree(apex, ignore_errors=True)
            kept.rename(apex)
        return complaint

    ours = [commands.ours(prepared, options, "--no-recorder")]
    recording = [commands.ours(prepared, options, "--no-cache")]
    return [
        contender(prepared, SERIAL, [commands.serial(prepared, options)], expected),
        contender(prepared, XDIST, [commands.xdist(prepared, options)], expected),
        # Where a test fails, only the process that has it in its share ends with 1.
        contender(prepared, SPLIT, commands.split(prepared, options), expected | {0}),
        contender(prepared, OURS, ours, expected, after=check),
        contender(prepared, RECORDING, recording, expected, after=check),
        contender(prepared, FIRST, ours, expected, before=forget, after=remember),
        contender(prepared, COLLECT, [commands.collect_only(prepared, options)]),
        contender(
            prepared, RECORDED, [commands.recorded(prepared, record, options)], expected, after=note_durations
        ),
    ]


def work_done(apex: Path, tests: int) -> str:
    """Whether our newest run executed that many tests, by its own journal: "" or what is wrong."""
    journals = sorted(apex.glob("runs/*/facts.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    if not journals:
        return "no journal"
    last = json.loads(journals[-1].read_bytes().splitlines()[-1])
    if last.get("type") != "run.finished":
        return "the journal does not end with run.finished"
    executed = last.get("executed", 0)
    return "" if executed == tests else f"{executed} tests executed, {tests} expected"


def _print_times(page: Page, measured: Sequence[Measured], options: Options) -> None:
    header = (
        "suite",
        "tests",
        "serial",
        f"xdist -n {options.processes}",
        f"pytest-split x{options.processes}",
        OURS,
        RECORDING,
        FIRST,
        "collect only",
        "limit",
    )
    page.table(
        header,
        [
            [
                each.prepared.name,
                str(each.tests),
                *(_time(each.rows[name]) for name in (SERIAL, XDIST, SPLIT, OURS, RECORDING, FIRST, COLLECT)),
                figures.seconds(each.limit),
            ]
            for each in measured
        ],
    )


def _time(row: Row) -> str:
    return figures.seconds(row.median) + (" (!)" if row.faults else "")


def _print_ratios(page: Page, scores: Sequence[Scores]) -> None:
    header = (
        "suite",
        "xdist/ours",
        "serial/ours",
        "split/ours",
        "xdist/ours first run",
        "ours/limit",
        "xdist/limit",
    )
    rows = [[score.suite, *map(figures.times, score.ratios())] for score in scores]
    means = [
        figures.geometric_mean(column) for column in zip(*(score.ratios() for score in scores), strict=True)
    ]
    page.table(header, [*rows, ["geometric mean", *map(figures.times, means)]])


def _print_samples(page: Page, measured: Sequence[Measured]) -> None:
    page.line("\nAll samples, seconds, in the order of the rounds:\n")
    page.table(
        ("suite", "contender", "samples", "spread"),
        [
            [each.prepared.name, row.name, " ".join(f"{sample:.2f}" for sample in row.samples), _percent(row)]
            for each in measured
            for row in each.rows.values()
        ],
    )


def _percent(row: Row) -> str:
    value = figures.spread(row.samples)
    return "-" if value is None else f"{value * 100:.0f} %"
