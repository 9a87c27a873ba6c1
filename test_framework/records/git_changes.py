"""What changed since a git commit: the files, and which tests they reach.

Rules: git is asked by argument lists, never by a shell, and changes nothing; where it cannot answer (it is not there,
no repository, an unknown or cut-off commit) the answer is "everything", and says why. A file counts by its meaning: its
blocks at the commit are compared with those of now.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from test_framework.core.fingerprint import changed_blocks, fingerprint
from test_framework.core.memory import Memory
from test_framework.core.proof import Now, Reason, touched
from test_framework.records.changes import importable_names
from test_framework.records.present import Present

GIT_SECONDS = 30.0
QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Since:
    """Files (relative to the project root) that differ from a commit; None with `why` where that cannot be told."""

    files: frozenset[str] | None
    commit: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Git:
    """git for one project."""

    root: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def since(self, ref: str) -> Since:
        """What differs between the work tree and where it left `ref` (their merge base), untracked files included."""
        try:
            commit = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        except _GitError as problem:
            return Since(None, why=self._why(ref, problem))
        try:
            base = self._run("merge-base", commit.strip(), "HEAD").strip()
        except _GitError:
            return Since(None, why=f"{ref} and HEAD have no common commit here (is the clone shallow?)")
        try:
            changed = self._run(
                "diff",
                "--name-only",
                "-z",
                "--no-renames",
                "--no-ext-diff",
                "--no-textconv",
                "--relative",
                base,
                "--",
            )
            untracked = self._run("ls-files", "-z", "--others", "--exclude-standard")
        except _GitError as problem:
            return Since(None, why=f"git cannot say what changed: {problem}")
        return Since(frozenset(name for name in (changed + untracked).split("\0") if name), base)

    def content(self, commit: str, path: str) -> bytes | None:
        """A file's bytes at a commit; None where it was not there."""
        try:
            return os.fsencode(self._run("cat-file", "blob", f"{commit}:./{path}"))
        except _GitError:
            return None

    def _why(self, ref: str, problem: _GitError) -> str:
        try:
            self._run("rev-parse", "--git-dir")
        except _GitError as deeper:
            return f"git cannot be asked: {deeper}"
        return f"{ref} is no commit of this repository" + (f": {problem}" if str(problem) else "")

    def _run(self, *arguments: str) -> str:
        """Standard output, bytes that are no UTF-8 kept as surrogates. Raises `_GitError`."""
        try:
            done = subprocess.run(
                ["git", "--no-pager", *arguments],
                cwd=self.root,
                env={**self.environ, **QUIET},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=GIT_SECONDS,
                check=False,
            )
        except FileNotFoundError as problem:
            raise _GitError("git is not installed") from problem
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise _GitError(str(problem)) from problem
        if done.returncode != 0:
            raise _GitError(os.fsdecode(done.stderr).strip().partition("\n")[0])
        return os.fsdecode(done.stdout)


class _GitError(Exception):
    """git is missing, took too long or refused; the message is its own first line."""


def reached(memory: Memory, present: Present, git: Git, since: Since) -> dict[str, Reason]:
    """Tests that the changes reach, and those of which nothing is recorded; `since.files` must be known."""
    assert since.files is not None
    files = since.files
    current = {path: digest for path, digest in memory.sources if path not in files}
    before: dict[str, bytes | None] = {}

    def differing(path: str, _digest: str, names: frozenset[str]) -> frozenset[str]:
        if path not in files:
            return frozenset()
        if path not in before:
            before[path] = git.content(since.commit, path)
        old, new = before[path], present.digests.content(path)
        if old is None or new is None:
            return names
        return changed_blocks(fingerprint(old, path), fingerprint(new[0], path), names)

    now = Now(
        sources={path: current.get(path, "changed") for path, _ in memory.sources},
        same_thing=lambda path, kind, _digest: not _is_touched(path, kind, files),
        same_variable=lambda _name, _digest: True,
        environment=None,
        listings=_listings(memory, files, present.surroundings.root),
        differing=differing,
        named_elsewhere=present.named_elsewhere,
        shadows=present.shadows,
        is_test_file=present.is_test_file,
    )
    return touched(memory, now)


def _is_touched(path: str, kind: str, files: frozenset[str]) -> bool:
    """A directory is touched where a file right in it is."""
    if kind == "directory":
        return any(os.path.dirname(file) == ("" if path == "." else path) for file in files)
    return path in files


def _listings(memory: Memory, files: frozenset[str], root: Path) -> dict[str, frozenset[str]]:
    """What was recorded, and those of the changed files that are new there."""
    found: dict[str, frozenset[str]] = {}
    for directory, names in memory.listings:
        changed = {os.path.basename(file) for file in files if os.path.dirname(file) == directory}
        there = importable_names(root, directory) & changed if changed else frozenset()
        found[directory] = found.get(directory, frozenset()) | frozenset(names) | there
    return found
