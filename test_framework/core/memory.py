"""What is remembered of the runs that can prove tests: the shape of it, without disk or clock.

Rules: pure. A dependency is a thing *with* its content at that time, so equal things of many runs are one entry of one
table, and whether it has changed is asked once for all tests. Frames hold entry numbers; a test's proof covers the
frames of its process up to its own, and the base that ran before the process was forked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

Entry = TypeVar("Entry")

MODULE = "<module>"
EFFECTS = "<effects>"
"""the part of `<module>` that other modules could feel without importing a name from it"""
WHOLE = "*"
"""all of a file's code; how an interpreter without `sys.monitoring` records whatever ran in a file"""
WHOLE_EFFECTS = "<effects of all>"
"""as `<effects>`, with every function that an effect could call"""
TEXT = "<text>"
"""every byte of a file: for tests that are text themselves"""

Source = tuple[str, str]
"""(path, SHA-256 of the bytes)"""
Block = tuple[int, str]
"""(number of a source, name of the block)"""
Thing = tuple[str, str, str | None]
"""(path, kind, SHA-256): a data file, directory or absent file"""
Variable = tuple[str, str | None]
"""(name, SHA-256 of the value or None where it was not set)"""
Listing = tuple[str, tuple[str, ...]]
"""(directory, names of what could be imported or collected there)"""


@dataclass(slots=True)
class Frame:
    """Entry numbers of what one test added to what had run in its process."""

    blocks: list[int] = field(default_factory=list)
    data: list[int] = field(default_factory=list)
    variables: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Snapshot:
    """One run: its surroundings and the frames of its processes, in order."""

    environment: dict[str, str]
    listings: list[int]
    base: Frame
    processes: list[list[Frame]]


@dataclass(slots=True)
class Record:
    """The newest that is known of one test. `reasons` say why it proves nothing; empty: it is a proof."""

    run: str
    process: int
    order: int
    seconds: float
    outcome: str
    reasons: list[str] = field(default_factory=list)
    own: list[int] = field(default_factory=list)
    """blocks that the test itself executed, for ranking and explaining; empty: those of its frame"""
    spoils: bool = False
    """whether it did something itself for which nothing after it in its process can be proven"""


@dataclass(slots=True)
class Inventory:
    """The tests that one request collected, and what each was part of: test -> [category, layer]."""

    run: str
    tests: dict[str, tuple[str, str]]
    listings: list[int]
    sources: list[int]
    """the files that were looked through for tests, as they were"""
    left_out: list[str] = field(default_factory=list)
    """tests that the request does not run, whatever happens: they are owed unless they are proven"""
    green: bool = False
    """whether the run ended with exit code 0"""
    roots: list[str] = field(default_factory=list)
    """files and directories in which pytest looked for tests; "" is the whole project"""
    test_files: list[str] = field(default_factory=list)
    """names of the files in which it looked"""


@dataclass(slots=True)
class Memory:
    """All of it. Numbers are places in the tables."""

    sources: list[Source] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    data: list[Thing] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    """by run id, oldest first"""
    records: dict[str, Record] = field(default_factory=dict)
    inventories: dict[str, Inventory] = field(default_factory=dict)
    """by the key of the request, oldest first"""


@dataclass(slots=True)
class Tables:
    """Puts things into a memory's tables, each once."""

    memory: Memory
    _numbers: list[dict[Any, int]] = field(init=False)

    def __post_init__(self) -> None:
        memory = self.memory
        tables = (memory.sources, memory.blocks, memory.data, memory.variables, memory.listings)
        self._numbers = [{entry: number for number, entry in enumerate(table)} for table in tables]

    def source(self, entry: Source) -> int:
        return self._number(0, self.memory.sources, entry)

    def block(self, entry: Block) -> int:
        return self._number(1, self.memory.blocks, entry)

    def thing(self, entry: Thing) -> int:
        return self._number(2, self.memory.data, entry)

    def variable(self, entry: Variable) -> int:
        return self._number(3, self.memory.variables, entry)

    def listing(self, entry: Listing) -> int:
        return self._number(4, self.memory.listings, entry)

    def _number(self, which: int, table: list[Entry], entry: Entry) -> int:
        number = self._numbers[which].setdefault(entry, len(table))
        if number == len(table):
            table.append(entry)
        return number


def file_of(test: str) -> str:
    """The path in a node id."""
    return test.partition("::")[0]


def frames_of(memory: Memory, record: Record) -> Iterator[Frame]:
    """Everything a record's proof rests on: the base, then its process up to the test."""
    snapshot = memory.snapshots[record.run]
    yield snapshot.base
    yield from snapshot.processes[record.process][: record.order + 1]
