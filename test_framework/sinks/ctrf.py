"""A run as CTRF JSON (Common Test Report Format, ctrf.io): one entry a test, with retries and what is owed.

Rules: the last attempt is the test's status, as in the state; `rawStatus` has our own word where the format has a
coarser one. Proven tests are skipped, owed ones pending. The file appears in full at close or not at all. Milliseconds.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.facts import Stamped
from test_framework.model.outcome import UNPROVEN, Outcome, Verdict
from test_framework.sinks.whole_file import whole_file, writable

STATUSES = ("passed", "failed", "pending", "skipped", "other")
_STATUS = {
    Outcome.PASSED: "passed",
    Outcome.XPASSED: "passed",
    Outcome.SKIPPED: "skipped",
    Outcome.XFAILED: "skipped",
    Outcome.LOST: "pending",
    Outcome.NOT_RUN: "pending",
}
PROVEN, OWED = "proven", "owed"


class CtrfFile:
    """Writes the report to `path` when the run is over. Raises `OSError` at the start if that cannot work."""

    name = "ctrf"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = ""
        self._ended = ""
        self._tests: dict[str, dict[str, Any]] = {}

    def handle(self, stamped: Stamped, state: RunState) -> None:
        fact = stamped.fact
        self._ended = stamped.ts
        if type(fact) is f.TestFinished:
            before = self._tests.get(fact.test)
            if before is None or fact.outcome not in UNPROVEN:
                self._tests[fact.test] = _finished(fact, flaky=fact.test in state.flaky)
        elif type(fact) is f.CacheHit:
            about = {"rawStatus": PROVEN, "message": f"proven by run {fact.proven_by}"}
            self._tests[fact.test] = _entry(fact.test, "skipped", 0.0, fact.layer, fact.category) | about
        elif type(fact) is f.TestOwed:
            about = {"rawStatus": OWED, "message": fact.reason}
            self._tests[fact.test] = _entry(fact.test, "pending", 0.0, fact.layer, fact.category) | about
        elif type(fact) is f.RunStarted:
            self._began = stamped.ts
            writable(self._path)

    def tick(self, state: RunState) -> None:
        """Nothing is shown while the run goes on."""

    def close(self, state: RunState, verdict: Verdict) -> None:
        started = state.started
        counts = Counter(test["status"] for test in self._tests.values())
        document = {
            "reportFormat": "CTRF",
            "specVersion": "0.0.0",
            "results": {
                "tool": {"name": "netra-apex", "version": started.apex_version if started else ""},
                "summary": {
                    "tests": len(self._tests),
                    **{status: counts[status] for status in STATUSES},
                    "flaky": len(state.flaky),
                    "start": _milliseconds(self._began),
                    "stop": _milliseconds(self._ended),
                },
                "tests": list(self._tests.values()),
                "environment": {
                    "testEnvironment": started.environment if started else "",
                    "commit": started.revision if started else "",
                },
                "extra": {
                    "run": state.run,
                    "exitCode": int(verdict.exit_code),
                    "reasons": list(verdict.reasons),
                    "collectionFailures": [each.location for each in state.collection_failures],
                },
            },
        }
        with whole_file(self._path) as stream:
            stream.write(
                json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
            )


def _entry(test: str, status: str, seconds: float, layer: str, category: str) -> dict[str, Any]:
    file, *inner = test.split("::")
    return {
        "name": test,
        "status": status,
        "duration": round(1000 * seconds, 3),
        "suite": [file, *inner[:-1]],
        "filePath": file,
        "tags": [word for word in (layer, category) if word],
    }


def _finished(fact: f.TestFinished, *, flaky: bool) -> dict[str, Any]:
    status = _STATUS.get(fact.outcome, "failed")
    entry = _entry(fact.test, status, fact.seconds, fact.layer, fact.category)
    entry["rawStatus"] = fact.outcome.value
    line = fact.location.rpartition(":")[2]
    if line.isdigit():
        entry["line"] = int(line)
    for key, text in (("message", fact.message), ("trace", fact.detail), ("threadId", fact.worker)):
        if text:
            entry[key] = text
    if fact.sections:
        entry["stdout"] = [text for title, text in fact.sections if "stdout" in title]
        entry["stderr"] = [text for title, text in fact.sections if "stderr" in title]
    if fact.attempt > 1:
        entry |= {"retries": fact.attempt - 1, "flaky": flaky}
    return entry


def _milliseconds(ts: str) -> int:
    """Of the epoch; 0 where there is no time."""
    if not ts:
        return 0
    return int(1000 * datetime.fromisoformat(ts).timestamp())


def ctrf_path(asked: str) -> Path:
    """Where the report goes: from the directory in which the command was given."""
    return Path(os.path.abspath(asked))
