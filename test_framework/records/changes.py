"""What files hold now: digests that are only taken anew where a file may have changed, and what stands in directories.

Rules: a remembered digest holds while size, times and inode are the same, unless the file was younger than two seconds
when it was read (git calls that racily clean: it could change again without its time showing it). Paths are relative
to the project root, or absolute outside it. A file that cannot be read has no digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

VERSION = 1
RACY_SECONDS = 2.0
WALK_AT_MOST = 300
IGNORED = frozenset({"__pycache__", "node_modules", "venv", "build", "dist"})
CACHES = frozenset({".apex", "__pycache__", ".pytest_cache", ".hypothesis"})
"""names that the recorder leaves out of directories too"""
IMPORTABLE = (".py", ".so", ".pyd")

TEST_FILES = ("test_*.py", "*_test.py")
"""pytest's own default of `python_files`"""

DIGEST_LENGTH = 64


@dataclass(slots=True)
class Digests:
    """SHA-256 of files under a root, remembered in `file`."""

    root: Path
    file: Path | None = None
    known: dict[str, str] = field(default_factory=dict)
    """path -> state and digest, as one text: quicker to read than numbers"""
    looked_at: set[str] = field(default_factory=set)
    """absolute paths of all that was asked for, there or not"""
    _prefix: str = ""
    reread: int = 0
    """how many files had to be read"""

    def __post_init__(self) -> None:
        self._prefix = os.path.join(self.root, "")

    @classmethod
    def load(cls, root: Path, file: Path) -> Digests:
        """With what was remembered; a memory that cannot be read is none."""
        try:
            body = json.loads(file.read_bytes())
            known = dict(body["files"]) if body["version"] == VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            known = {}
        return cls(root, file, known)

    def note(self, path: str) -> str:
        """Say that a path is looked at by other means; returns it as an absolute one."""
        full = path if path[:1] == "/" else self._prefix + path
        self.looked_at.add(full)
        return full

    def of(self, path: str) -> str | None:
        """The digest of a file's bytes; None where no regular file can be read."""
        full = self.note(path)
        try:
            seen = os.stat(full)
        except (OSError, ValueError):
            return None
        entry = self.known.get(path)
        if entry is not None and entry.startswith(_state(seen)):
            return entry[-DIGEST_LENGTH:]
        found = self.content(path)
        return None if found is None else found[1]

    def content(self, path: str) -> tuple[bytes, str] | None:
        """A file's bytes and their digest; None where no regular file can be read."""
        content = self._read(path)
        return None if content is None else (content[0], self._remember(path, *content))

    def _read(self, path: str) -> tuple[bytes, os.stat_result] | None:
        """Bytes and the state they belong to: a file that changes while it is read is read again."""
        full = self.note(path)
        for _ in range(3):
            try:
                if not stat.S_ISREG(os.stat(full).st_mode):
                    return None
                with open(full, "rb") as file:
                    before = os.fstat(file.fileno())
                    content = file.read()
                    after = os.fstat(file.fileno())
            except (OSError, ValueError):
                return None
            if _state(before) == _state(after):
                return content, after
        return None

    def _remember(self, path: str, content: bytes, seen: os.stat_result) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self.reread += 1
        if max(seen.st_mtime, seen.st_ctime) < time.time() - RACY_SECONDS:
            self.known[path] = _state(seen) + digest
        else:
            self.known.pop(path, None)
        return digest

    def save(self) -> None:
        """Write what is remembered, atomically. Raises OSError."""
        if self.file is None:
            return
        body = json.dumps({"version": VERSION, "files": self.known}, separators=(",", ":"))
        write_derived(self.file, body.encode("ascii"))


def _state(seen: os.stat_result) -> str:
    """What must be the same for a file to be taken as unchanged."""
    return f"{seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns} {seen.st_ino} "


def write_derived(file: Path, content: bytes) -> None:
    """Replace a file as a whole, readable by its owner only. Raises OSError, and leaves the old one then.

    For what can be made anew and shows its own damage: a loss of power may cost it, so nobody waits for the disk.
    """
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(temporary, flags, 0o600), "wb") as out:
            out.write(content)
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def changed_since(root: Path, path: str, began: float) -> bool:
    """Whether a file may have changed at or after `began` (wall clock, seconds); true where it is gone.

    File systems stamp with the time of the last tick, some with whole (or even) seconds: those get that much more.
    """
    try:
        seen = os.stat(os.path.join(root, path))
    except (OSError, ValueError):
        return True
    newest = max(seen.st_mtime_ns, seen.st_ctime_ns)
    coarse = seen.st_mtime_ns % 1_000_000_000 == 0 and seen.st_ctime_ns % 1_000_000_000 == 0
    return newest >= (began - (2.0 if coarse else 0.02)) * 1e9


def names_digest(root: Path, path: str) -> str | None:
    """The digest of a directory's sorted names but those of caches, joined by NUL; None where it cannot be listed."""
    try:
        names = sorted(
            os.fsencode(name) for name in os.listdir(os.path.join(root, path)) if name not in CACHES
        )
    except (OSError, ValueError):
        return None
    return hashlib.sha256(b"\0".join(names)).hexdigest()


def value_digest(value: str | None) -> str | None:
    """The digest of an environment variable's value; None where it is not set."""
    return None if value is None else hashlib.sha256(os.fsencode(value)).hexdigest()


def looks_like_tests(path: str, patterns: Sequence[str] = TEST_FILES) -> bool:
    """Whether pytest would look for tests in a file of this name."""
    from fnmatch import fnmatchcase

    name = os.path.basename(path)
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def exists(root: Path, path: str) -> bool:
    return os.path.lexists(os.path.join(root, path))


def importable_names(
    root: Path,
    directory: str,
    known: frozenset[str] = frozenset(),
    before: float | None = None,
    note: Callable[[str], object] = str,
) -> frozenset[str]:
    """Files of a directory that an import or a collection could find, and directories (`name/`) that hold such files.

    Directories in `known` are taken to hold some. With `before` (wall clock), files that are newer do not count.
    `note` is told every directory that is looked into.
    """
    names = set()
    note(directory)
    try:
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(IMPORTABLE):
                    if before is None or not changed_since(root, entry.path, before):
                        names.add(name)
                elif "." not in name and name not in IGNORED and entry.is_dir():
                    path = f"{directory}/{name}" if directory else name
                    if path in known or _holds_importable(entry.path, before, note):
                        names.add(f"{name}/")
    except OSError:
        return frozenset()
    return frozenset(names)


def _holds_importable(directory: str, before: float | None, note: Callable[[str], object]) -> bool:
    """Whether anything below could be imported; a tree too large to look through quickly counts as yes."""
    looked = 0
    for where, directories, files in os.walk(directory):
        note(where)
        found = [name for name in files if name.endswith(IMPORTABLE)]
        if any(before is None or not changed_since(Path(where), name, before) for name in found):
            return True
        looked += len(files) + len(directories)
        if looked > WALK_AT_MOST:
            return True
        directories[:] = [name for name in directories if name not in IGNORED and not name.startswith(".")]
    return False


def importable_below(root: Path, directory: str) -> list[str]:
    """Every importable file below a directory, sorted."""
    found = []
    for where, directories, files in os.walk(os.path.join(root, directory)):
        directories[:] = [name for name in directories if name not in IGNORED and "." not in name]
        found += [
            os.path.relpath(os.path.join(where, name), root) for name in files if name.endswith(IMPORTABLE)
        ]
    return sorted(found)
