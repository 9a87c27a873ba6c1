"""Takes an ended run into the memory: which tests it proves, by what, and which it shows to be bad.

Rules: what a run cannot vouch for proves nothing and is named: a file that changed while it ran, a clock that jumped, a
test that ran twice. A failure always replaces what was known; a run that can prove nothing replaces no proof. Digests
are taken at the end of the run, which is sound because files touched since its beginning do not count.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from test_framework.core.memory import (
    TEXT,
    Frame,
    Inventory,
    Memory,
    Record,
    Snapshot,
    Tables,
    file_of,
)
from test_framework.core.merging import compacted
from test_framework.core.proof import FILE, PROVABLE
from test_framework.core.pytest_options import arguments_part
from test_framework.model.outcome import UNPROVEN
from test_framework.records.account import Account
from test_framework.records.changes import (
    TEST_FILES,
    Digests,
    changed_since,
    importable_names,
    looks_like_tests,
)
from test_framework.records.recording import Recording, Row
from test_framework.records.sources import Sources

KEEP_SNAPSHOTS = 24
KEEP_INVENTORIES = 12
MOST_REASONS = 3
EARLIER = " ran before it in the same process: "
"""stands in the reason that a test inherits (engine/inside/recorder.py)"""
CLOCK_SLACK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """What the host knows of its run. Times are wall clock seconds; `elapsed` is monotonic."""

    id: str
    began: float
    ended: float
    elapsed: float
    identity: Mapping[str, str] | None
    """of the interpreter, before the run; None: unknown"""
    account: Account
    request: str = ""
    """the key under which its tests are an inventory; empty: the collection failed in part"""
    roots: Sequence[str] = ()
    test_files: Sequence[str] = TEST_FILES
    held: Mapping[str, str] = field(default_factory=dict)
    """what files held when it began, as far as that was known: path -> SHA-256"""


def remember(
    memory: Memory, recording: Recording | None, run: EndedRun, digests: Digests, sources: Sources
) -> Memory:
    """The memory with this run in it, compacted. Raises OSError where the sources it needs cannot be kept."""
    taking = _Taking(memory, run, digests)
    if recording is not None:
        taking.take(recording)
    taking.take_endings_without_rows()
    if run.request and recording is not None:
        taking.take_inventory(recording)
    new = compacted(memory, KEEP_SNAPSHOTS)
    wanted = frozenset(digest for _, digest in new.sources)
    kept = sources.known()
    contents = {digest: taking.contents[digest] for digest in wanted - kept if digest in taking.contents}
    if contents or kept - wanted:
        sources.keep(contents, wanted)
    return new


class _Taking:
    """One run's way into the memory."""

    def __init__(self, memory: Memory, run: EndedRun, digests: Digests) -> None:
        self.memory = memory
        self.run = run
        self.digests = digests
        self.tables = Tables(memory)
        self.contents: dict[str, bytes] = {}
        self.listings: list[int] = []
        self._digests: dict[str, str] = {}
        self._temporary = os.path.join(os.path.realpath(tempfile.gettempdir()), "")
        self._whole: dict[str, list[int]] = {}
        self.with_rows: set[str] = set()

    def take(self, recording: Recording) -> None:
        blocks, bad_blocks = self._blocks(recording)
        data, bad_data = self._data(recording)
        variables = [self.tables.variable(entry) for entry in recording.variables]

        def frame(old: Frame) -> Frame:
            return Frame(
                [known for number in old.blocks if (known := blocks[number]) is not None],
                [data[number] for number in old.data],
                [variables[number] for number in old.variables],
            )

        def reasons(old: Frame) -> list[str]:
            found = {bad_blocks[number]: None for number in old.blocks if number in bad_blocks}
            found |= {bad_data[number]: None for number in old.data if number in bad_data}
            return list(found)

        self._list_directories(recording)
        whole = [*recording.base_reasons, *reasons(recording.base), *self._of_the_run(recording)]
        processes = []
        for number, rows in enumerate(recording.processes.values()):
            until_now = list(whole)
            frames = []
            for order, row in enumerate(rows):
                new = frame(row.new)
                until_now += [why for why in (*row.reasons, *reasons(row.new)) if why not in until_now]
                whole_file = self._whole_file(row.test)
                new.blocks += whole_file
                frames.append(new)
                own = [known for each in row.own if (known := blocks[each]) is not None]
                own = own if row.own != row.new.blocks else []
                self._take_row(row, number, order, until_now, own)
            processes.append(frames)
        self.memory.snapshots[self.run.id] = Snapshot(
            self._environment(recording), self.listings, frame(recording.base), processes
        )

    def _take_row(self, row: Row, process: int, order: int, reasons: list[str], own: list[int]) -> None:
        ending = self.run.account.endings.get(row.test)
        if ending is None or ending.outcome in UNPROVEN:
            return
        every = [*ending.reasons, *reasons][:MOST_REASONS]
        if row.test in self.with_rows and "it ran more than once" not in every:
            every.append("it ran more than once")
        self.with_rows.add(row.test)
        spoils = any(EARLIER not in why for why in row.reasons)
        record = Record(self.run.id, process, order, ending.seconds, ending.outcome.value, every, own, spoils)
        bad = ending.outcome not in PROVABLE or bool(ending.reasons)
        self._put(row.test, record, replaces_proof=bad or not every)

    def take_endings_without_rows(self) -> None:
        """Tests that ended but were not recorded: bad ones lose their proof, good ones keep it."""
        for test, ending in self.run.account.endings.items():
            if test not in self.with_rows and ending.outcome not in UNPROVEN:
                reasons = [*ending.reasons, "what it depends on was not recorded"]
                record = Record(self.run.id, -1, -1, ending.seconds, ending.outcome.value, reasons)
                bad = ending.outcome not in PROVABLE or bool(ending.reasons)
                self._put(test, record, replaces_proof=bad)

    def take_inventory(self, recording: Recording) -> None:
        """What the request collected; a run that collected some files keeps what is known of the others."""
        inventories, key = self.memory.inventories, self.run.request
        old, listings = inventories.pop(key, None), list(self.listings)
        of_tests = {file_of(test) for test in self.run.account.collected}
        names = self.run.test_files
        paths = {path for path, _ in recording.blocks if path in of_tests or looks_like_tests(path, names)}
        numbers = {self.tables.source((path, self._current(path))) for path in paths}
        if old is not None:
            numbers |= {one for one in old.sources if self.memory.sources[one][0] not in paths}
            seen = {self.memory.listings[number][0] for number in listings}
            listings += [one for one in old.listings if self.memory.listings[one][0] not in seen]
        run = self.run
        inventories[key] = Inventory(
            run.id,
            dict(run.account.collected),
            listings,
            sorted(numbers),
            list(run.account.left_out),
            run.account.green,
            list(run.roots),
            list(run.test_files),
        )
        for each in list(inventories)[:-KEEP_INVENTORIES]:
            del inventories[each]

    def _put(self, test: str, record: Record, *, replaces_proof: bool) -> None:
        old = self.memory.records.get(test)
        proves = old is not None and not old.reasons and old.outcome in PROVABLE and old.run != self.run.id
        if replaces_proof or not proves:
            self.memory.records[test] = record

    # -- parts ------------------------------------------------------------------------------------------------

    def _current(self, path: str) -> str:
        """The digest that a source had during the run; empty where nobody can tell."""
        if path not in self._digests:
            found = self.digests.content(path)
            if found is None or not self._as_it_was(path, found[1]):
                self._digests[path] = ""
            else:
                self._digests[path] = found[1]
                self.contents[found[1]] = found[0]
        return self._digests[path]

    def _as_it_was(self, path: str, digest: str) -> bool:
        """Whether a file holds what it held when the run began: it was not touched, or it was known before."""
        held = self.run.held.get(path)
        return held == digest or not changed_since(self.digests.root, path, self.run.began)

    def _blocks(self, recording: Recording) -> tuple[list[int | None], dict[int, str]]:
        """Numbers of the recording's blocks in the memory, and the blocks that prove nothing.

        None: code that the run wrote into a temporary file by itself, which follows from all the rest.
        """
        sources: dict[str, int | None] = {}
        bad_paths: dict[str, str] = {}
        for path in {path for path, _ in recording.blocks}:
            real = self._real(path)
            if self._current(real) == "":
                if os.path.isabs(real) and os.path.realpath(real).startswith(self._temporary):
                    sources[path] = None
                    continue
                bad_paths[path] = f"{real} changed while the run was going on"
            sources[path] = self.tables.source((real, self._current(real)))
        blocks = [
            None if (source := sources[path]) is None else self.tables.block((source, name))
            for path, name in recording.blocks
        ]
        bad = {
            number: bad_paths[path] for number, (path, _) in enumerate(recording.blocks) if path in bad_paths
        }
        return blocks, bad

    def _real(self, path: str) -> str:
        """The file that holds a module: itself, or the archive above it."""
        place = path
        while place and place != "/" and not os.path.exists(os.path.join(self.digests.root, place)):
            place = os.path.dirname(place)
        full = os.path.join(self.digests.root, place)
        return place if place and place != path and os.path.isfile(full) else path

    def _data(self, recording: Recording) -> tuple[list[int], dict[int, str]]:
        bad = {
            number: f"{path} could not be read as it was"
            for number, (path, kind, digest) in enumerate(recording.data)
            if digest is None and kind != "absent"
        }
        return [self.tables.thing(entry) for entry in recording.data], bad

    def _whole_file(self, test: str) -> list[int]:
        """Tests that are no functions of their file (docstrings, linters, text) stand in more than its code."""
        function = test.partition("[")[0]
        known = self._whole.get(function)
        if known is None:
            known = self._whole[function] = self._find_whole_file(function)
        return known

    def _find_whole_file(self, function: str) -> list[int]:
        path = file_of(function)
        name = function.rpartition("::")[2]
        known = self.contents.get(self._current(path), b"")
        if path.endswith(".py") and f"def {name}".encode() in known and name != os.path.basename(path)[:-3]:
            return []
        return [self.tables.block((self.tables.source((path, self._current(path))), TEXT))]

    def _of_the_run(self, recording: Recording) -> list[str]:
        """Why nothing of this run proves anything."""
        run = self.run
        found = []
        if run.identity is None:
            found.append("the packages of the project's interpreter cannot be found")
        if abs((run.ended - run.began) - run.elapsed) > CLOCK_SLACK_SECONDS:
            found.append("the clock jumped during the run")
        for path, digest in _configuration(recording).items():
            if self.digests.of(path) != digest:
                found.append(f"{path} changed while the run was going on")
        return found

    def _environment(self, recording: Recording) -> dict[str, str]:
        files = {f"{FILE}{path}": digest or "" for path, digest in _configuration(recording).items()}
        return {
            **(self.run.identity or {}),
            **files,
            **arguments_part(recording.environment.get("arguments", ())),
        }

    def _list_directories(self, recording: Recording) -> None:
        """What stood in every directory that something was imported or collected from, and above it."""
        root = self.digests.root
        directories = {""}
        for path in {os.path.dirname(path) for path in {path for path, _ in recording.blocks}}:
            while path and not os.path.isabs(path):
                directories.add(path)
                path = os.path.dirname(path)
        known = frozenset(directories)
        self.listings = [
            self.tables.listing(
                (directory, tuple(sorted(importable_names(root, directory, known, self.run.began))))
            )
            for directory in sorted(directories)
        ]


def _configuration(recording: Recording) -> Mapping[str, str | None]:
    files: Mapping[str, str | None] = recording.environment.get("files", {})
    return files
