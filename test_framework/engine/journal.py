"""The only stamper: every fact gets its place and time here, is masked, folded, written to disk, and then shown.

Rules: nothing is shown before it is in the run's file; a file that cannot be written is named once and never stops a
run; `seq` has no gaps; elapsed time is monotonic, the wall clock is only for people.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from test_framework.core.run_state import RunState
from test_framework.engine.redaction import Redactor
from test_framework.model.facts import Fact, SinkFailed, Stamped
from test_framework.model.wire import encode

SYNCHRONISE_SECONDS = 0.1


class Journal:
    """Stamps facts; `flush` writes what was recorded since the last flush and publishes it."""

    def __init__(
        self,
        run: str,
        facts_fd: int | None,
        publish: Callable[[Stamped, RunState], None],
        redactor: Redactor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = RunState(run=run)
        self.run = run
        self.clock = clock
        self.began = clock()
        self.dirty = False
        """written but not yet synchronised to the disk"""
        self._fd = facts_fd
        self._publish = publish
        self._redactor = redactor
        self._seq = 0
        self._pending: list[Stamped] = []
        self._second = -1
        self._prefix = ""

    def record(self, fact: Fact) -> None:
        """Stamp, mask and fold one fact; it is written and shown at the next `flush`."""
        elapsed = self.clock() - self.began
        ts = self._timestamp()
        line = encode(self._seq, ts, elapsed, self.run, fact)
        if self._redactor.suspicious(line.decode("ascii")):
            fact = replace(fact, **self._masked(fact))
            line = encode(self._seq, ts, elapsed, self.run, fact)
        self.state.apply(fact, elapsed)
        self._pending.append(Stamped(self._seq, ts, elapsed, self.run, fact, line))
        self._seq += 1

    def _masked(self, fact: Fact) -> dict[str, Any]:
        values = {each.name: getattr(fact, each.name) for each in fields(fact)}
        masked = {name: self._redactor.value(value) for name, value in values.items()}
        if "test" in values:
            masked["test"] = self._redactor.test_id(values["test"])
        return masked

    def flush(self) -> None:
        """Write all pending facts with one system call, then hand them to the sinks."""
        while self._pending:
            batch, self._pending = self._pending, []
            self._write(b"".join([stamped.line + b"\n" for stamped in batch]))
            for stamped in batch:
                self._publish(stamped, self.state)

    def synchronise(self) -> None:
        """Make what was written survive a power loss. May take milliseconds: call it from a thread."""
        if self._fd is not None and self.dirty:
            self.dirty = False
            try:
                os.fdatasync(self._fd)
            except OSError as problem:
                self._broken(problem)

    def _write(self, data: bytes) -> None:
        if self._fd is None:
            return
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
            self.dirty = True
        except OSError as problem:
            self._broken(problem)

    def _broken(self, problem: OSError) -> None:
        self._fd = None
        self.record(
            SinkFailed(sink="journal", message=f"the run's file cannot be written: {problem.strerror}")
        )

    def _timestamp(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._prefix}.{int((now - second) * 1e6):06d}Z"


async def synchronise_regularly(journal: Journal) -> None:
    """Make accepted results survive a power loss, at most a tenth of a second late; until it is cancelled."""
    while True:
        await asyncio.sleep(SYNCHRONISE_SECONDS)
        if journal.dirty:
            await asyncio.to_thread(journal.synchronise)
