"""Memories made of others: one without what nothing refers to, and one of two that were kept in different places.

Rules: pure. Entries are moved into the new memory's tables, each once. Of two records of a test the newer counts, and
of two inventories of a request (run ids begin with the time). A run that both know is the same in both.
"""

from __future__ import annotations

from dataclasses import replace

from test_framework.core.memory import Frame, Inventory, Memory, Record, Snapshot, Tables


class _Move:
    """Takes parts of an old memory into a new one."""

    def __init__(self, old: Memory, tables: Tables) -> None:
        self._old = old
        self._tables = tables

    def block(self, number: int) -> int:
        source, name = self._old.blocks[number]
        return self._tables.block((self._tables.source(self._old.sources[source]), name))

    def frame(self, frame: Frame) -> Frame:
        old, tables = self._old, self._tables
        return Frame(
            [self.block(number) for number in frame.blocks],
            [tables.thing(old.data[number]) for number in frame.data],
            [tables.variable(old.variables[number]) for number in frame.variables],
        )

    def listings(self, numbers: list[int]) -> list[int]:
        return [self._tables.listing(self._old.listings[number]) for number in numbers]

    def snapshot(self, old: Snapshot) -> Snapshot:
        processes = [[self.frame(each) for each in process] for process in old.processes]
        return Snapshot(old.environment, self.listings(old.listings), self.frame(old.base), processes)

    def inventory(self, old: Inventory) -> Inventory:
        sources = [self._tables.source(self._old.sources[number]) for number in old.sources]
        return replace(old, listings=self.listings(old.listings), sources=sources)

    def record(self, old: Record) -> Record:
        return replace(old, own=[self.block(number) for number in old.own])


def compacted(memory: Memory, keep: int) -> Memory:
    """The memory without what nothing refers to, with the newest `keep` snapshots at most."""
    used = {record.run for record in memory.records.values() if record.order >= 0}
    runs = [run for run in memory.snapshots if run in used][-keep:]
    if len(runs) == len(memory.snapshots):
        return memory  # every snapshot is referred to, and so is what they hold
    new = Memory()
    move = _Move(memory, Tables(new))
    for run in runs:
        new.snapshots[run] = move.snapshot(memory.snapshots[run])
    for key, inventory in memory.inventories.items():
        new.inventories[key] = move.inventory(inventory)
    for test, record in memory.records.items():
        if record.order < 0 or record.run in new.snapshots:
            new.records[test] = move.record(record)
    return new


def merged(mine: Memory, other: Memory) -> Memory:
    """Both memories as one. Equal things of the two are one entry, whatever numbers they had."""
    new = Memory()
    tables = Tables(new)
    memories = [(memory, _Move(memory, tables)) for memory in (mine, other)]
    owners: dict[str, tuple[Memory, _Move]] = {}
    for each in memories:
        for run in each[0].snapshots:
            owners.setdefault(run, each)
    for run in sorted(owners):
        memory, move = owners[run]
        new.snapshots[run] = move.snapshot(memory.snapshots[run])
    for memory, move in memories:
        for test, record in memory.records.items():
            known = new.records.get(test)
            if known is None or record.run > known.run:
                new.records[test] = move.record(record)
    found: list[tuple[str, str, Inventory]] = []
    for memory, move in memories:
        found += ((one.run, key, move.inventory(one)) for key, one in memory.inventories.items())
    for _, key, inventory in sorted(found, key=lambda each: each[:2]):
        new.inventories.pop(key, None)
        new.inventories[key] = inventory
    return new
