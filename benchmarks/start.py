"""How soon something is seen: the first test's result, and the answers that need no test at all.

Rules: plain pytest's first result is the report in which it would print the first dot; ours is the first
`test.finished` read from our standard output; both count from just before the process is started.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import commands, figures, outcomes
from benchmarks.compare import Contender, Row, alternate
from benchmarks.suites import REPOSITORY, Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.commands import Options
    from benchmarks.page import Page

LATER_AT_MOST = 0.1
ANSWER_WITHIN = 0.1
ANSWER_ROUNDS = 9

ANSWERS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("--help",), 0),
    (("--list-categories",), 0),
    (("--orchestration-status",), 0),
    (("--version",), 0),
    (("--no-such-flag",), 4),
)
"""(arguments, the exit code that is right) of what must answer at once."""


def measure_first_result(page: Page, suites: Sequence[Prepared], options: Options, rounds: int) -> bool:
    """Print when serial pytest's and our first results are there; True when the goal is met everywhere."""
    page.heading(f"First result, {rounds} rounds")
    rows, good = [], True
    for prepared in suites:
        plain, ours = Row("plain"), Row("ours")
        _our_first_result(prepared, options)
        for _ in range(rounds):
            _note(plain, _plain_first_result(prepared, options))
            _note(ours, _our_first_result(prepared, options))
        later = None
        if plain.median is not None and ours.median is not None:
            later = ours.median - plain.median
        met = later is not None and later <= LATER_AT_MOST and not ours.faults
        good = good and met
        rows.append(
            [
                prepared.name,
                figures.milliseconds(plain.median),
                figures.milliseconds(ours.median),
                figures.milliseconds(later),
                "yes" if met else "NO",
                "; ".join(filter(None, (plain.fault, ours.fault))) or "-",
            ]
        )
    header = (
        "suite",
        "serial pytest, ms",
        "ours, ms",
        "later by, ms",
        f"<= {LATER_AT_MOST * 1000:.0f} ms",
        "faults",
    )
    page.table(header, rows)
    return good


def _note(row: Row, value: float | None) -> None:
    if value is None:
        row.faults.append("no result was seen")
    else:
        row.samples.append(value)


def _plain_first_result(prepared: Prepared, options: Options) -> float | None:
    """Seconds until plain serial pytest knows its first test's result."""
    record = prepared.logs / "first.jsonl"
    record.unlink(missing_ok=True)
    argv = commands.recorded(prepared, record, options)
    began = time.clock_gettime(time.CLOCK_MONOTONIC)
    with (prepared.logs / "first-plain.txt").open("wb") as log:
        subprocess.run(
            argv,
            cwd=prepared.source,
            env=commands.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if not record.is_file():
        return None
    moments = (float(report["at"]) for report in outcomes.read_lines(record) if outcomes.decides(report))
    first = next(moments, None)
    return None if first is None else first - began


def _our_first_result(prepared: Prepared, options: Options) -> float | None:
    """Seconds until the first `test.finished` stands on our standard output."""
    argv = commands.ours(prepared, options, "--no-cache", "--progress-mode", "json")
    first = None
    began = time.clock_gettime(time.CLOCK_MONOTONIC)
    with (
        (prepared.logs / "first-ours.txt").open("wb") as log,
        subprocess.Popen(
            argv,
            cwd=prepared.source,
            env=commands.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if first is None and b'"type":"test.finished"' in line:
                first = time.clock_gettime(time.CLOCK_MONOTONIC) - began
    return first


def measure_answers(page: Page, work: Path) -> bool:
    """Print how long our command takes to answer without a test; True when each is fast enough and right."""
    page.heading(f"Answers without tests, {ANSWER_ROUNDS} rounds")
    page.line(f"Interpreter: {sys.executable} ({sys.version.split()[0]})\n")
    baseline = "python -c pass"
    logs = work / "answers"
    logs.mkdir(exist_ok=True)
    contenders = [_answer(baseline, [sys.executable, "-c", "pass"], 0, logs / "baseline.txt")]
    for arguments, code in ANSWERS:
        log = logs / f"{arguments[0].strip('-')}.txt"
        contenders.append(_answer(" ".join(arguments), [*commands.our_command(), *arguments], code, log))
    alternate(contenders, 1)
    measured = alternate(contenders, ANSWER_ROUNDS)
    rows, good = [], True
    for row in measured.values():
        fast = row.median is not None and row.median < ANSWER_WITHIN
        met = fast and not row.faults
        good = good and met
        over = figures.ratio(row.median, measured[baseline].median)
        rows.append(
            [
                row.name,
                figures.milliseconds(row.median),
                figures.times(over),
                "yes" if met else "NO",
                row.fault or "-",
            ]
        )
    page.table(
        ("command", "ms", "of the bare interpreter", f"< {ANSWER_WITHIN * 1000:.0f} ms", "faults"), rows
    )
    return good


def _answer(name: str, argv: Sequence[str], code: int, log: Path) -> Contender:
    return Contender(
        name=name,
        commands=[argv],
        cwd=REPOSITORY,
        environment=commands.environment(),
        log=log,
        exit_codes=frozenset({code}),
    )
