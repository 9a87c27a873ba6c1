"""Looks at everything a memory depends on, as it is now, without starting the project's interpreter.

Rules: a file is read only where its stat differs from what was remembered; sources are parsed only where their bytes
differ; all sources are searched for a word only where a new module might shadow another one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from test_framework.core.memory import Memory, file_of
from test_framework.core.proof import FILE, Now
from test_framework.core.pytest_options import arguments_part
from test_framework.records.changes import (
    TEST_FILES,
    Digests,
    exists,
    importable_names,
    looks_like_tests,
    names_digest,
    value_digest,
)
from test_framework.records.interpreter import identify, top_level_names
from test_framework.records.sources import Sources

if TYPE_CHECKING:
    from test_framework.core.fingerprint import Fingerprint


OURS = ("APEX_", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_", "PYTEST_VERSION")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """In what the tests would run now."""

    root: Path
    executable: str
    environ: Mapping[str, str]
    """as tests inherit it"""
    arguments: Sequence[str] = ()
    """pytest's"""
    test_files: Sequence[str] = TEST_FILES


@dataclass(slots=True)
class Present:
    """Answers about sources, each at most once."""

    memory: Memory
    surroundings: Surroundings
    digests: Digests
    sources: Sources
    _prints: dict[tuple[str, str], Fingerprint | None] = field(default_factory=dict)
    _files_of_tests: frozenset[str] = frozenset()
    _contents: dict[str, bytes] = field(default_factory=dict)

    def now(self) -> Now | None:
        """The present; None where the project's packages cannot be found."""
        memory, root, digests = self.memory, self.surroundings.root, self.digests
        environ = self.surroundings.environ
        environment = identify(self.surroundings.executable, environ, digests)
        if environment is None:
            return None
        environment |= arguments_part(self.surroundings.arguments)
        for snapshot in memory.snapshots.values():
            for name in snapshot.environment:
                if name.startswith(FILE) and name not in environment:
                    environment[name] = digests.of(name.removeprefix(FILE)) or ""
        directories = frozenset(directory for directory, _ in memory.listings)
        self._files_of_tests = frozenset(file_of(test) for test in memory.records)
        return Now(
            sources={path: digests.of(path) for path in {path for path, _ in memory.sources}},
            same_thing=lambda path, kind, digest: self._thing(path, kind) == digest,
            same_variable=lambda name, digest: self._variable(name) == digest,
            environment=environment,
            listings={
                directory: importable_names(root, directory, directories, note=digests.note)
                for directory in directories
            },
            differing=self.differing,
            named_elsewhere=self.named_elsewhere,
            shadows=self.shadows,
            is_test_file=self.is_test_file,
        )

    def _thing(self, path: str, kind: str) -> str | None:
        root = self.surroundings.root
        self.digests.note(path)
        if kind == "directory":
            return names_digest(root, path)
        if kind == "absent":
            return "present" if exists(root, path) else None
        return self.digests.of(path)

    def _variable(self, name: str) -> str | None:
        if name == "*":
            return whole_environment_digest(self.surroundings.environ)
        return value_digest(self.surroundings.environ.get(name))

    def is_test_file(self, path: str) -> bool:
        return path in self._files_of_tests or looks_like_tests(path, self.surroundings.test_files)

    def differing(self, path: str, digest: str, names: frozenset[str]) -> frozenset[str]:
        """Which blocks of a file mean something else than they did under `digest`."""
        from test_framework.core.fingerprint import changed_blocks

        found = self.digests.content(path)
        old = self._old(path, digest)
        if found is None or old is None:
            return names
        content, new_digest = found
        return changed_blocks(old, self._print(path, new_digest, content), names)

    def _old(self, path: str, digest: str) -> Fingerprint | None:
        known = self._prints.get((path, digest))
        if known is not None:
            return known
        content = self.sources.read(digest)
        return None if content is None else self._print(path, digest, content)

    def _print(self, path: str, digest: str, content: bytes) -> Fingerprint:
        from test_framework.core.fingerprint import fingerprint

        known = self._prints.get((path, digest))
        if known is None:
            known = self._prints[path, digest] = fingerprint(content, path)
        return known

    def named_elsewhere(self, path: str) -> bool:
        """Whether another source names this module, as an import of it would have to."""
        return bool(self._naming(_module_name(path), but=path))

    def shadows(self, path: str) -> str:
        """Why a new file could be found by an import that found something else before; empty: it cannot."""
        name = _module_name(path)
        if name == "__init__":
            return "it makes a package of its directory"
        if name in sys.stdlib_module_names:
            return "it bears the name of a module of the standard library"
        if name in top_level_names(self.surroundings.executable):
            return "it bears the name of an installed package"
        naming = self._naming(name, but=path)
        return f"{naming} names it" if naming else ""

    def _naming(self, name: str, but: str) -> str:
        """The first source or configuration file in which a word occurs, other than `but`."""
        word = re.compile(rb"(?<![A-Za-z0-9_])" + re.escape(name.encode()) + rb"(?![A-Za-z0-9_])")
        paths = {path: None for path, _ in self.memory.sources}
        for snapshot in self.memory.snapshots.values():
            paths |= {each.removeprefix(FILE): None for each in snapshot.environment if each.startswith(FILE)}
        for path in paths:
            if path != but and word.search(self._content(path)):
                return path
        return ""

    def _content(self, path: str) -> bytes:
        if path not in self._contents:
            found = self.digests.content(path)
            self._contents[path] = found[0] if found is not None else b""
        return self._contents[path]


def _module_name(path: str) -> str:
    return os.path.basename(path.rstrip("/")).partition(".")[0]


def whole_environment_digest(environ: Mapping[str, str]) -> str | None:
    """The digest of all variables but those that the tool and pytest set, as the recorder takes it."""
    rows = sorted(
        os.fsencode(f"{name}={value}") for name, value in environ.items() if not name.startswith(OURS)
    )
    return value_digest(os.fsdecode(b"\0".join(rows)))
