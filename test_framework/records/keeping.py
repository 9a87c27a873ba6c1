"""After a run: takes its facts and its recording into what proves tests. Also makes all of it anew from the runs.

Rules: one writer at a time (a lock that dies with its process); whatever goes wrong is a note, never a verdict; a
recording that cannot be used proves nothing, but the run's failures still count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from test_framework.core.memory import Memory
from test_framework.core.proof import distrust
from test_framework.records.account import Account, read_account
from test_framework.records.changes import TEST_FILES, Digests, write_derived
from test_framework.records.dependencies import DIGESTS, load_memory, save_memory
from test_framework.records.lock import locked
from test_framework.records.places import RUN_ID
from test_framework.records.recording import Recording, RecordingError, read_recording
from test_framework.records.remembering import EndedRun, remember
from test_framework.records.runs import read_facts
from test_framework.records.sources import Sources

RECORDING = "dependencies.jsonl"
CIRCUMSTANCES = "circumstances.json"
VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the host knows of its run beside its facts; kept in the run's directory, so that all can be made anew.

    Times are wall clock seconds; `elapsed` is measured by a clock that nobody sets.
    """

    began: float
    ended: float
    elapsed: float
    identity: Mapping[str, str] | None
    """of the interpreter, taken before it was started; None: its packages could not be found"""
    request: str = ""
    """the key of what was asked for; empty where the collection failed in part"""
    roots: tuple[str, ...] = ()
    test_files: tuple[str, ...] = TEST_FILES
    """where and by what names pytest looked for tests"""
    held: Mapping[str, str] = field(default_factory=dict)
    """what files that were touched during the run had held before it: path -> SHA-256"""
    missed: tuple[str, ...] = ()
    """tests that an audit found to be proven wrongly"""


def keep_run(
    root: Path, base: Path, run: str, circumstances: Circumstances, account: Account | None = None
) -> list[str]:
    """Take in `runs/<run>` of `base` (the project's `.apex`); returns notes.

    `account`: what its facts say, where that is known already.
    """
    try:
        write_derived(base / "runs" / run / CIRCUMSTANCES, _as_json(circumstances))
        with locked(base):
            loaded = load_memory(base)
            digests = Digests.load(root, base / DIGESTS)
            memory, notes = _taken(loaded.memory, base, run, circumstances, digests, account)
            save_memory(memory, base)
            digests.save()
    except OSError as problem:
        return [f"what the tests depend on cannot be kept: {problem.strerror or problem}"]
    return [*([loaded.note] if loaded.note else []), *notes]


def rebuild(root: Path, base: Path) -> list[str]:
    """Make the memory anew from the runs that are still there; returns notes.

    Files that changed since a run prove nothing of it, so this may know less than there was before.
    """
    notes: list[str] = []
    try:
        with locked(base):
            memory = Memory()
            digests = Digests.load(root, base / DIGESTS)
            for directory in sorted((base / "runs").iterdir()):
                circumstances = _read(directory / CIRCUMSTANCES) if RUN_ID.match(directory.name) else None
                if circumstances is not None:
                    memory, said = _taken(memory, base, directory.name, circumstances, digests)
                    notes += said
            save_memory(memory, base)
            digests.save()
    except OSError as problem:
        notes.append(f"what the tests depend on cannot be kept: {problem.strerror or problem}")
    return notes


def _taken(
    memory: Memory,
    base: Path,
    run: str,
    circumstances: Circumstances,
    digests: Digests,
    account: Account | None = None,
) -> tuple[Memory, list[str]]:
    directory = base / "runs" / run
    notes: list[str] = []
    recording: Recording | None = None
    try:
        recording = read_recording(directory / RECORDING)
    except FileNotFoundError:
        notes.append(f"run {run} recorded no dependencies: it proves nothing")
    except (OSError, RecordingError) as problem:
        notes.append(f"the recording of run {run} cannot be used: {problem}")
    if account is None:
        account = read_account(stamped.fact for stamped in read_facts(directory / "facts.jsonl"))
    ended = EndedRun(
        id=run,
        began=circumstances.began,
        ended=circumstances.ended,
        elapsed=circumstances.elapsed,
        identity=circumstances.identity,
        account=account,
        request="" if account.broken else circumstances.request,
        roots=circumstances.roots,
        test_files=circumstances.test_files,
        held=circumstances.held,
    )
    new = remember(memory, recording, ended, digests, Sources.of(base))
    if circumstances.missed:
        distrust(new, run)
    return new, notes


def _as_json(circumstances: Circumstances) -> bytes:
    identity = None if circumstances.identity is None else dict(circumstances.identity)
    held = dict(circumstances.held)
    body = {"version": VERSION, **asdict(circumstances), "identity": identity, "held": held}
    return json.dumps(body).encode("ascii")


def _read(file: Path) -> Circumstances | None:
    """None where there is nothing that could be used."""
    try:
        body = json.loads(file.read_bytes())
        if body.pop("version") != VERSION:
            return None
        words = {name: tuple(body[name]) for name in ("roots", "test_files", "missed")}
        return Circumstances(**{**body, **words})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
