"""What a run's file says, as far as the history keeps it: the run, its attempts, and what was damaged.

Rules: the file is the truth; every line is checked by its CRC, only those that the history needs are decoded; a torn
tail is dropped, damaged lines in the middle are counted and left out; nothing is written.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.outcome import Ledger
from test_framework.model.wire import WireError, decode, unseal
from test_framework.records.places import is_alive

FACTS = "facts.jsonl"
_TAIL = 1 << 18
_FINISHED = b'"type":"run.finished"'
_LEFT_OUT = re.compile(
    '"type":"(?:{})"'.format(
        "|".join(
            re.escape(kind.WIRE_TYPE)
            for kind in (f.TestStarted, f.SubtestFinished, f.WarningRecorded, f.PluginReported)
        )
    ).encode("ascii")
)
_ENVELOPE = 256
"""bytes within which a line's type stands"""


@dataclass(slots=True)
class RecordedRun:
    """One run. Times are RFC 3339 UTC; `finished` is None when the run died."""

    id: str
    began: str = ""
    ended: str = ""
    seconds: float = 0.0
    started: f.RunStarted | None = None
    planned: f.RunPlanned | None = None
    finished: f.RunFinished | None = None
    ledger: Ledger = field(default_factory=Ledger)
    attempts: list[f.TestFinished] = field(default_factory=list)
    """one for each test and attempt; of two the last counts, as in the fold"""
    damaged: int = 0
    torn: bool = False


def is_over(directory: Path) -> bool:
    """Whether the run in this directory has finished, or its host is dead."""
    if not is_alive(directory):
        return True
    try:
        with open(directory / FACTS, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            return _FINISHED in file.read().rstrip(b"\n").rpartition(b"\n")[2]
    except OSError:
        return False


def read_run(directory: Path) -> RecordedRun:
    """Read the run of this directory; raises `OSError` where its file cannot be read (one that is absent is empty)."""
    run = RecordedRun(directory.name)
    state = RunState(run=run.id)
    try:
        with open(directory / FACTS, "rb") as file:
            for line in file:
                run.torn = not line.endswith(b"\n")
                _take(line.rstrip(b"\n"), run, state)
    except FileNotFoundError:
        return run  # its host died before it wrote anything
    if run.torn and run.damaged:
        run.damaged -= 1  # the tail that was dropped is not one in the middle
    run.started, run.planned, run.finished = state.started, state.planned, state.finished
    run.seconds = state.finished.seconds if state.finished is not None else state.elapsed
    run.ledger = _ledger(state)
    run.attempts = list({(each.test, each.attempt): each for each in run.attempts}.values())
    return run


def _take(line: bytes, run: RecordedRun, state: RunState) -> None:
    try:
        if _LEFT_OUT.search(line, 0, _ENVELOPE):
            unseal(line)
            return
        stamped = decode(line)
        if stamped.run != run.id:
            raise WireError("a fact of another run")
    except (WireError, ValueError, TypeError):
        run.damaged += 1
        return
    run.began = run.began or stamped.ts
    run.ended = stamped.ts
    state.apply(stamped.fact, stamped.elapsed)
    if isinstance(stamped.fact, f.TestFinished):
        run.attempts.append(stamped.fact)


def _ledger(state: RunState) -> Ledger:
    """The account of the run; in one that died, or whose file lost lines, whatever is not known to be done is owed."""
    if state.finished is not None:
        found = state.finished
        return Ledger(found.collected, found.executed, found.proven, found.owed)
    executed = state.executed
    collected = max(state.collected, executed + len(state.owed))
    return Ledger(collected, executed, 0, collected - executed)
