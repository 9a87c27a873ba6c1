"""Runs contenders in turn (A B A B ...) and keeps every wall time.

Rules: a round runs each contender once, in the same order; a contender that ends otherwise than expected
keeps its row, with its times and what was wrong; output goes to a file, the same for all, so that no
terminal slows one down.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import figures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(slots=True)
class Row:
    """All that was measured of one contender; seconds of wall time."""

    name: str
    samples: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        return figures.median(self.samples)

    @property
    def fault(self) -> str:
        """What was wrong, in a few words, with how often; empty when nothing was."""
        if not self.faults:
            return ""
        return f"{self.faults[0]} ({len(self.faults)} of {len(self.samples)} rounds)"


@dataclass(frozen=True, slots=True)
class Contender:
    """Something to be timed.

    `commands` start together, and the slowest one's end counts. `before` and `after` are not
    timed; `after` may complain by returning words.
    """

    name: str
    commands: Sequence[Sequence[str]]
    cwd: Path
    environment: Mapping[str, str]
    log: Path
    exit_codes: frozenset[int] = frozenset({0})
    before: Callable[[], None] | None = None
    after: Callable[[], str] | None = None


def alternate(contenders: Sequence[Contender], rounds: int) -> dict[str, Row]:
    """Run all contenders `rounds` times, one round after the other; their rows by name."""
    rows = {contender.name: Row(contender.name) for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            run_once(contender, rows[contender.name])
    return rows


def run_once(contender: Contender, row: Row) -> None:
    """One timed run, noted in the row."""
    if contender.before is not None:
        contender.before()
    elapsed, codes = time_commands(contender)
    row.samples.append(elapsed)
    unexpected = [code for code in codes if code not in contender.exit_codes]
    complaint = contender.after() if contender.after is not None else ""
    if unexpected:
        complaint = f"exit {unexpected[0]}, see {contender.log}"
    if complaint:
        row.faults.append(complaint)


def time_commands(contender: Contender) -> tuple[float, list[int]]:
    """Wall seconds from the first start to the last end, and the exit codes in the order of the commands."""
    with contender.log.open("wb") as log:
        began = time.perf_counter()
        processes = [
            subprocess.Popen(
                command,
                cwd=contender.cwd,
                env=contender.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            for command in contender.commands
        ]
        codes = [process.wait() for process in processes]
        return time.perf_counter() - began, codes
