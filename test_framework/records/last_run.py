"""The small record: how long each test took and which failed last, until there is a history.

Rules: one JSON file, replaced atomically, merged (a run of a part forgets nothing of the rest); a file that cannot
be read is no record, never an error.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VERSION = 1
MOST_TESTS = 300_000


@dataclass(slots=True)
class LastRun:
    """`seconds` and `outcomes` by test id; `failed` are the tests whose last outcome was bad."""

    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    """chains (modules) that must not be cut, because their tests depend on their order"""

    @classmethod
    def load(cls, base: Path) -> LastRun:
        try:
            body = json.loads((base / "last_run.json").read_bytes())
            if body.get("version") != VERSION:
                return cls()
            seconds = {test: float(value) for test, value in body["seconds"].items()}
            return cls(seconds, dict(body["failed"]), set(body.get("whole", ())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def merge(self, seconds: Mapping[str, float], outcomes: Mapping[str, str], bad: frozenset[str]) -> None:
        """Take in a run: durations of finished tests and their outcomes."""
        self.seconds.update(seconds)
        for test, outcome in outcomes.items():
            if outcome in bad:
                self.failed[test] = outcome
            else:
                self.failed.pop(test, None)
        while len(self.seconds) > MOST_TESTS:
            self.seconds.pop(next(iter(self.seconds)))

    def save(self, base: Path) -> None:
        """Write it; raises OSError where that is not possible."""
        body = {
            "version": VERSION,
            "seconds": {test: round(value, 6) for test, value in self.seconds.items()},
            "failed": self.failed,
            "whole": sorted(self.whole),
        }
        temporary = base / f"last_run.json.{os.getpid()}.{threading.get_ident()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with open(os.open(temporary, flags, 0o600), "w", encoding="ascii") as file:
                file.write(json.dumps(body, separators=(",", ":")))
            os.replace(temporary, base / "last_run.json")
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
