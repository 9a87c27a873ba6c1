"""Which state of the project a run saw, as git tells it: the revision, and a name for the contents of the tree.

Rules: git is asked, never told; it may be absent, slow or the project no repository at all: then nothing is known. The
repository's own programs (fsmonitor, external diffs, filters of other people) are not started where git allows it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

LIMIT_SECONDS = 0.5
"""for all that git is asked: a run's first fact waits for it"""
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-optional-locks")


@dataclass(frozen=True, slots=True)
class Checkout:
    """`tree` names the contents: git's own name when nothing is changed, else that and a digest of the changes."""

    revision: str = ""
    tree: str = ""
    dirty: bool | None = None


def read_checkout(root: Path) -> Checkout:
    """The checkout around `root`; empty where git cannot tell."""
    try:
        limit = time.monotonic() + LIMIT_SECONDS
        revision, tree = _git(limit, root, "rev-parse", "HEAD", "HEAD^{tree}").decode("ascii").split()
        changes = _git(limit, root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
        if not changes:
            return Checkout(revision, tree, dirty=False)
        digest = hashlib.sha256(
            _git(limit, root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv")
        )
        top = Path(os.fsdecode(_git(limit, root, "rev-parse", "--show-toplevel").rstrip(b"\n")))
        for entry in sorted(changes.split(b"\0")):
            if entry.startswith(b"?? "):
                state = (top / os.fsdecode(entry[3:])).lstat()
                digest.update(b"%s\0%d\0%d\0" % (entry, state.st_size, state.st_mtime_ns))
        return Checkout(revision, f"{tree}+{digest.hexdigest()[:16]}", dirty=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return Checkout()


class Reading(threading.Thread):
    """Reads the checkout beside what else happens at the start of a run."""

    def __init__(self, root: Path) -> None:
        super().__init__(name="apex-checkout", daemon=True)
        self._root = root
        self._found = Checkout()
        self.start()

    def run(self) -> None:
        self._found = read_checkout(self._root)

    def result(self) -> Checkout:
        """The checkout, once it is known; empty where git takes too long."""
        self.join(2 * LIMIT_SECONDS)
        return self._found


def _git(limit: float, root: Path, *arguments: str) -> bytes:
    return subprocess.run(
        [*_GIT, *arguments],
        cwd=root,
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=max(0.001, limit - time.monotonic()),
    ).stdout
