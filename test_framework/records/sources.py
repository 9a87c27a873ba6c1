"""Keeps sources as they were when tests ran with them, so that a later change can be told from a reformatting.

Rules: one SQLite file of compressed contents by their SHA-256, which is checked on reading; opened only when a file
has changed. A damaged file or entry is as good as absent: then every block of the changed file counts as changed.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

NAME = "sources.sqlite3"
SCHEMA = "CREATE TABLE IF NOT EXISTS sources (digest TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID"
BUSY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Sources:
    """The store in one file."""

    file: Path

    @classmethod
    def of(cls, base: Path) -> Sources:
        """The store in a project's `.apex`."""
        return cls(base / NAME)

    def read(self, digest: str) -> bytes | None:
        """A content by its digest; None where it is not kept or is damaged."""
        import sqlite3

        if not self.file.is_file():
            return None
        try:
            with self._open() as database:
                row = database.execute("SELECT content FROM sources WHERE digest = ?", (digest,)).fetchone()
            content = None if row is None else zlib.decompress(row[0])
        except (sqlite3.Error, zlib.error, OSError, TypeError):
            return None
        return content if content is not None and hashlib.sha256(content).hexdigest() == digest else None

    def known(self) -> frozenset[str]:
        """Digests of all that is kept."""
        import sqlite3

        if not self.file.is_file():
            return frozenset()
        try:
            with self._open() as database:
                return frozenset(digest for (digest,) in database.execute("SELECT digest FROM sources"))
        except (sqlite3.Error, OSError):
            return frozenset()

    def keep(self, contents: Mapping[str, bytes], wanted: Iterable[str]) -> None:
        """Add contents by digest and forget all that is not `wanted`. A damaged file is begun anew. Raises OSError."""
        import sqlite3

        try:
            try:
                self._write(contents, frozenset(wanted))
            except sqlite3.DatabaseError as problem:
                if isinstance(problem, sqlite3.OperationalError):
                    raise
                os.replace(self.file, self.file.with_name(f"{self.file.name}.corrupt"))
                self._write(contents, frozenset(wanted))
        except sqlite3.Error as problem:
            raise OSError(f"{self.file.name}: {problem}") from problem

    def _write(self, contents: Mapping[str, bytes], wanted: frozenset[str]) -> None:
        with self._open() as database, database:
            database.execute(SCHEMA)
            kept = {digest for (digest,) in database.execute("SELECT digest FROM sources")}
            database.executemany("DELETE FROM sources WHERE digest = ?", [(one,) for one in kept - wanted])
            database.executemany(
                "INSERT OR REPLACE INTO sources VALUES (?, ?)",
                [(digest, zlib.compress(content, 1)) for digest, content in contents.items()],
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        if not self.file.exists():
            os.close(os.open(self.file, os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        with closing(sqlite3.connect(self.file, timeout=BUSY_SECONDS)) as database:
            yield database
