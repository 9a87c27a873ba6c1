"""Reads a run's `dependencies.jsonl`: what every test executed, read and looked at, as the lanes recorded it.

Rules: one JSON array a line; a file that does not end as it should, or contradicts itself, is no recording at all
(`RecordingError` says why): half of a dependency set would prove what it must not. Unknown kinds of lines are an error
for the same reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from test_framework.core.memory import Frame, Thing, Variable

VERSION = 1


class RecordingError(ValueError):
    """Why a recording cannot be used."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one attempt of one test added to what had happened in its process."""

    test: str
    attempt: int
    new: Frame
    own: list[int]
    reasons: list[str]


@dataclass(slots=True)
class Recording:
    """One run's dependencies; numbers are places in `blocks`, `data` and `variables`."""

    environment: dict[str, Any] = field(default_factory=dict)
    blocks: list[tuple[str, str]] = field(default_factory=list)
    data: list[Thing] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    base: Frame = field(default_factory=Frame)
    base_reasons: list[str] = field(default_factory=list)
    processes: dict[tuple[str, int], list[Row]] = field(default_factory=dict)
    shared: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    ended: bool = False
    tests: int = 0


def read_recording(path: Path) -> Recording:
    """The recording in a file. Raises `RecordingError`; OSError where there is none."""
    recording = Recording()
    for number, row in enumerate(_rows(path.read_bytes()), 1):
        try:
            _take(recording, number, row[0], row[1:])
        except RecordingError:
            raise
        except (ValueError, TypeError, IndexError, KeyError, AttributeError) as problem:
            raise RecordingError(f"line {number}: {type(problem).__name__}: {problem}") from problem
    if not recording.ended:
        raise RecordingError("it has no end: the run was cut off")
    _check_numbers(recording)
    return recording


def _rows(content: bytes) -> list[Any]:
    """The arrays of all lines, read in one go because that is much faster."""
    lines = content.splitlines()
    try:
        rows: list[Any] = json.loads(b"[%s]" % b",".join(lines))
    except ValueError as problem:
        raise RecordingError(f"it is damaged: {problem}") from problem
    if len(rows) != len(lines):
        raise RecordingError("a line holds more than one array")
    return rows


def _take(recording: Recording, number: int, kind: str, values: list[Any]) -> None:
    if (number == 1) != (kind == "version") or recording.ended:
        raise RecordingError(f"line {number}: {kind!r} does not belong there")
    match kind:
        case "version":
            if values != [VERSION]:
                raise RecordingError(f"it is of version {values[0]!r}, this program reads version {VERSION}")
        case "environment":
            recording.environment = dict(values[0])
        case "block":
            _append(recording.blocks, values[0], (str(values[1]), str(values[2])))
        case "data":
            _append(recording.data, values[0], (str(values[1]), str(values[2]), values[3]))
        case "variable":
            _append(recording.variables, values[0], (str(values[1]), values[2]))
        case "base":
            recording.base = Frame(list(values[0]), list(values[1]), list(values[2]))
            recording.base_reasons = list(values[3])
        case "test":
            _take_test(recording, values)
        case "shared":
            recording.shared.setdefault((values[0], values[1]), []).extend(values[2])
        case "end":
            if values != [recording.tests]:
                raise RecordingError(f"it ends after {values[0]!r} tests, but holds {recording.tests}")
            recording.ended = True
        case _:
            raise RecordingError(f"line {number}: unknown kind {kind!r}")


def _take_test(recording: Recording, values: list[Any]) -> None:
    test, attempt, worker, generation, order, blocks, own, data, variables, reasons = values
    rows = recording.processes.setdefault((worker, generation), [])
    if order != len(rows):
        raise RecordingError(f"test {len(rows)} of {worker}, generation {generation}, is missing")
    new = Frame(list(blocks), list(data), list(variables))
    rows.append(Row(test, attempt, new, list(own or ()), list(reasons)))
    recording.tests += 1


def _append(table: list[Any], number: int, entry: Any) -> None:
    if number != len(table):
        raise RecordingError(f"entry {len(table)} is missing: {number} follows")
    table.append(entry)


def _check_numbers(recording: Recording) -> None:
    """Every number must be a place in its table."""
    frames = [recording.base]
    owns: list[list[int]] = []
    for rows in recording.processes.values():
        frames += [row.new for row in rows]
        owns += [row.own for row in rows]
    limits = (len(recording.blocks), len(recording.data), len(recording.variables))
    for limit, lists in zip(
        limits,
        (
            [*(frame.blocks for frame in frames), *owns],
            [frame.data for frame in frames],
            [frame.variables for frame in frames],
        ),
        strict=True,
    ):
        for numbers in lists:
            if numbers and not (min(numbers) >= 0 and max(numbers) < limit):
                raise RecordingError("it names an entry that it does not hold")
