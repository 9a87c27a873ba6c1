"""Memory that travels: one file with all that proves tests, for another checkout or another CI job.

Rules: what it holds refers to contents by digest, so a proof holds elsewhere exactly where everything is the same. The
first line carries version and checksum; a file that is damaged or of another version is refused by name, and nothing
of it is taken. It holds sources of the project, and of variables only digests. Compressed JSON; written as a whole or
not at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from test_framework.core.memory import Memory
from test_framework.core.merging import compacted, merged
from test_framework.core.proof import PROVABLE
from test_framework.records.changes import write_derived
from test_framework.records.dependencies import (
    DIGESTS,
    NAME,
    VERSION,
    decode_memory,
    encode_memory,
    load_memory,
    save_memory,
)
from test_framework.records.lock import locked
from test_framework.records.remembering import KEEP_SNAPSHOTS
from test_framework.records.sources import NAME as SOURCES
from test_framework.records.sources import Sources
from test_framework.records.unchanged import NAME as ANSWER

FORMAT = "apex-memory"
MOST_BYTES = 1 << 30
"""of an unpacked file: more is refused"""


@dataclass(frozen=True, slots=True)
class Held:
    """What a memory holds, in numbers."""

    tests: int
    proofs: int
    """tests whose newest record is a proof, as long as nothing changes"""
    runs: tuple[str, ...]
    """oldest first"""
    bytes: int = 0


@dataclass(slots=True)
class Taken:
    """What came of taking files in: `refused` are (file, why)."""

    held: Held
    new: int = 0
    """tests of which nothing or less was known"""
    refused: list[tuple[str, str]] = field(default_factory=list)


class RefusedError(Exception):
    """Why a file cannot be taken in."""


def held(base: Path) -> tuple[Held, str]:
    """What a project's `.apex` holds, and a note where it cannot be used."""
    loaded = load_memory(base)
    files = (base / name for name in (NAME, SOURCES, DIGESTS, ANSWER))
    return _held(loaded.memory, sum(file.stat().st_size for file in files if file.is_file())), loaded.note


def export(base: Path, target: Path) -> Held:
    """Write the memory of `base` into one file. Raises OSError, and `RefusedError` where there is nothing to write."""
    loaded = load_memory(base)
    if not loaded.memory.records:
        raise RefusedError(loaded.note or "no run has been recorded yet")
    store, wanted = Sources.of(base), {digest for _, digest in loaded.memory.sources}
    contents = {digest: store.read(digest) for digest in sorted(store.known() & wanted)}
    sources = {
        digest: base64.b85encode(each).decode() for digest, each in contents.items() if each is not None
    }
    body = {"memory": encode_memory(loaded.memory), "sources": sources}
    packed = zlib.compress(json.dumps(body, separators=(",", ":")).encode("ascii"), 6)
    about = {"format": FORMAT, "version": VERSION, "sha256": hashlib.sha256(packed).hexdigest()}
    write_derived(target, json.dumps(about).encode("ascii") + b"\n" + packed)
    return _held(loaded.memory, target.stat().st_size)


def take_in(base: Path, files: Sequence[Path]) -> Taken:
    """Join what the files hold to the memory of `base`; of each test the newest record stays.

    Raises OSError, and `RefusedError` where the memory that is there cannot be read and would be lost.
    """
    refused: list[tuple[str, str]] = []
    with locked(base):
        loaded = load_memory(base)
        if loaded.note:
            raise RefusedError(loaded.note)
        before = loaded.memory
        memory, contents = before, dict[str, bytes]()
        for file in files:
            try:
                other, sources = _read(file)
                memory = merged(memory, other)
            except RefusedError as problem:
                refused.append((str(file), str(problem)))
            except (IndexError, KeyError, TypeError, ValueError, AttributeError):
                refused.append((str(file), "it is damaged"))
            else:
                contents |= sources
        if len(refused) < len(files):
            memory = compacted(memory, KEEP_SNAPSHOTS)
            wanted = frozenset(digest for _, digest in memory.sources)
            Sources.of(base).keep({one: contents[one] for one in wanted & contents.keys()}, wanted)
            save_memory(memory, base)
    new = sum(1 for test, one in memory.records.items() if _run_of(before, test) != one.run)
    return Taken(_held(memory, 0), new, refused)


def clear(base: Path) -> int:
    """Forget all that proves tests (not the history of runs); how many bytes were freed. Raises OSError."""
    freed = 0
    with locked(base):
        for name in (NAME, SOURCES, DIGESTS, ANSWER):
            file = base / name
            if file.is_file():
                freed += file.stat().st_size
                file.unlink()
    return freed


def _run_of(memory: Memory, test: str) -> str:
    record = memory.records.get(test)
    return "" if record is None else record.run


def _held(memory: Memory, size: int) -> Held:
    proofs = sum(1 for one in memory.records.values() if not one.reasons and one.outcome in PROVABLE)
    return Held(len(memory.records), proofs, tuple(sorted(memory.snapshots)), size)


def _read(file: Path) -> tuple[Memory, dict[str, bytes]]:
    """The memory and the sources of a file. Raises `RefusedError`, ValueError and the like for what is none."""
    try:
        head, _, packed = file.read_bytes().partition(b"\n")
    except OSError as problem:
        raise RefusedError(f"it cannot be read: {problem.strerror or problem}") from problem
    about = json.loads(head[:1000])
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise RefusedError("it is no file that `cache export` wrote")
    if about.get("version") != VERSION:
        raise RefusedError(f"it is of version {about.get('version')}, this apex reads {VERSION}")
    if hashlib.sha256(packed).hexdigest() != about.get("sha256"):
        raise RefusedError("it is damaged")
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(packed, MOST_BYTES)
    if unpacking.unconsumed_tail:
        raise RefusedError("it is larger than 1 GiB")
    body = json.loads(text)
    sources = {digest: base64.b85decode(each) for digest, each in body["sources"].items()}
    wrong = [digest for digest, each in sources.items() if hashlib.sha256(each).hexdigest() != digest]
    if wrong:
        raise RefusedError("it is damaged")
    return decode_memory(body["memory"]), sources
