"""The file that holds what is remembered of runs: `.apex/proof.json`.

Rules: derived from the runs and replaced as a whole; its first line carries version and checksum. A file of another
version, or one that is damaged, is ignored by name: then nothing is proven until runs have been recorded again.
"""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from test_framework.core.memory import Frame, Inventory, Memory, Record, Snapshot
from test_framework.records.changes import write_derived

VERSION = 2
NAME = "proof.json"
DIGESTS = "digests.json"


@dataclass(slots=True)
class Loaded:
    """A memory, and why it is empty although there is a file."""

    memory: Memory = field(default_factory=Memory)
    note: str = ""


def load_memory(base: Path) -> Loaded:
    """What is remembered in `.apex` (`base`)."""
    file = base / NAME
    try:
        head, _, body = file.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return Loaded()
    except OSError as problem:
        return Loaded(note=f"{NAME} cannot be read ({problem.strerror}): nothing is proven")
    try:
        about = json.loads(head)
        if about["version"] != VERSION:
            return Loaded(note=f"{NAME} is of version {about['version']}, not {VERSION}: nothing is proven")
        # Nothing of what is read here is garbage, and looking for some costs more than the reading.
        collecting = gc.isenabled()
        gc.disable()
        try:
            return _checked(about, body)
        finally:
            if collecting:
                gc.enable()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Loaded(note=f"{NAME} is damaged: nothing is proven until tests have run again")


def _checked(about: dict[str, Any], body: bytes) -> Loaded:
    if hashlib.sha256(body).hexdigest() != about["sha256"]:
        return Loaded(note=f"{NAME} is damaged: nothing is proven until tests have run again")
    return Loaded(decode_memory(json.loads(body)))


def save_memory(memory: Memory, base: Path) -> None:
    """Replace the file. Raises OSError."""
    body = json.dumps(encode_memory(memory), separators=(",", ":")).encode("ascii")
    head = json.dumps({"version": VERSION, "sha256": hashlib.sha256(body).hexdigest()}).encode("ascii")
    write_derived(base / NAME, head + b"\n" + body)


def encode_memory(memory: Memory) -> dict[str, Any]:
    """As JSON's own types, made to be read fast: no names of fields, no empty lists, each test's name once."""
    numbers: dict[str, int] = {}
    inventories = {
        key: [
            inventory.run,
            _by_place(inventory.tests, numbers),
            inventory.listings,
            inventory.sources,
            [numbers[test] for test in inventory.left_out],
            inventory.green,
            inventory.roots,
            inventory.test_files,
        ]
        for key, inventory in memory.inventories.items()
    }
    records = [
        [
            numbers.setdefault(test, len(numbers)),
            one.run,
            one.process,
            one.order,
            round(one.seconds, 6),
            one.outcome,
            *_rest_of(one),
        ]
        for test, one in memory.records.items()
    ]
    return {
        "tests": list(numbers),
        "sources": _columns(memory.sources, 2),
        "blocks": _columns(memory.blocks, 2),
        "data": memory.data,
        "variables": memory.variables,
        "listings": memory.listings,
        "snapshots": {
            run: [
                snapshot.environment,
                snapshot.listings,
                _frame(snapshot.base),
                [[_frame(frame) for frame in process] for process in snapshot.processes],
            ]
            for run, snapshot in memory.snapshots.items()
        },
        "records": records,
        "inventories": inventories,
    }


def _rest_of(record: Record) -> list[Any]:
    """What most records do not have."""
    if record.spoils:
        return [record.reasons, record.own, True]
    return [record.reasons, record.own] if record.own else [record.reasons] if record.reasons else []


def _columns(table: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """A table by columns: far fewer lists to read."""
    return [[entry[column] for entry in table] for column in range(width)]


def _frame(frame: Frame) -> list[list[int]]:
    if frame.variables:
        return [frame.blocks, frame.data, frame.variables]
    return [frame.blocks, frame.data] if frame.data else [frame.blocks]


def _by_place(tests: dict[str, tuple[str, str]], numbers: dict[str, int]) -> list[list[Any]]:
    """[category, layer, numbers of tests] of an inventory."""
    places: dict[tuple[str, str], list[int]] = {}
    for test, place in tests.items():
        places.setdefault(place, []).append(numbers.setdefault(test, len(numbers)))
    return [[*place, found] for place, found in places.items()]


def decode_memory(body: dict[str, Any]) -> Memory:
    """The opposite of `encode_memory`."""
    tests = body["tests"]
    return Memory(
        sources=list(zip(*body["sources"], strict=True)),
        blocks=list(zip(*body["blocks"], strict=True)),
        data=[(path, kind, digest) for path, kind, digest in body["data"]],
        variables=[(name, digest) for name, digest in body["variables"]],
        listings=[(directory, tuple(names)) for directory, names in body["listings"]],
        snapshots={
            run: Snapshot(
                environment,
                listings,
                Frame(*base),
                [[Frame(*frame) for frame in process] for process in processes],
            )
            for run, (environment, listings, base, processes) in body["snapshots"].items()
        },
        records={tests[number]: Record(*values) for number, *values in body["records"]},
        inventories={
            key: Inventory(
                run,
                {tests[number]: (category, layer) for category, layer, found in places for number in found},
                listings,
                sources,
                [tests[number] for number in left_out],
                *rest,
            )
            for key, (run, places, listings, sources, left_out, *rest) in body["inventories"].items()
        },
    )
