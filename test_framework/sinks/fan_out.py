"""Hands a run's facts to its sinks, in order, and survives each of them.

Rules: a sink that raises is switched off for good and named once through `on_failure`; that never reaches the
run. `on_failure` may record a new fact, which may come back through `handle` at once: such a fact waits until
every sink has had the one before. A sink that is being closed gets no facts any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from test_framework.core.run_state import RunState
from test_framework.model.facts import Stamped
from test_framework.model.outcome import Verdict
from test_framework.sinks.protocol import Sink


class FanOut:
    """All sinks of a run as one. Put the console last: so it can name the others' failures, even to close."""

    name = "fan-out"

    def __init__(self, sinks: Iterable[Sink], on_failure: Callable[[str, str], None]) -> None:
        """`on_failure(sink, message)` is called at most once for each sink."""
        self._sinks = list(sinks)
        self._on_failure = on_failure
        self._waiting: deque[tuple[Stamped, RunState]] = deque()
        self._delivering = False

    def add(self, sink: Sink) -> None:
        """One more sink, which gets the facts from now on."""
        self._sinks.insert(0, sink)

    def remove(self, sink: Sink) -> None:
        """This sink gets nothing more; it is not closed."""
        if sink in self._sinks:
            self._sinks.remove(sink)

    def handle(self, stamped: Stamped, state: RunState) -> None:
        if self._delivering:
            self._waiting.append((stamped, state))
            return
        self._delivering = True
        try:
            for sink in tuple(self._sinks):
                try:
                    sink.handle(stamped, state)
                except Exception as error:  # noqa: BLE001 - a sink may fail in any way, the run goes on
                    self._switch_off(sink, error)
        finally:
            self._delivering = False
        if self._waiting:
            self.handle(*self._waiting.popleft())

    def tick(self, state: RunState) -> None:
        for sink in tuple(self._sinks):
            try:
                sink.tick(state)
            except Exception as error:  # noqa: BLE001 - as above
                self._switch_off(sink, error)

    def close(self, state: RunState, verdict: Verdict) -> None:
        """Close every sink that still works; calling it again does nothing."""
        while self._sinks:
            sink = self._sinks.pop(0)
            try:
                sink.close(state, verdict)
            except Exception as error:  # noqa: BLE001 - as above
                self._on_failure(sink.name, describe(error))

    def _switch_off(self, sink: Sink, error: Exception) -> None:
        if sink in self._sinks:
            self._sinks.remove(sink)
            self._on_failure(sink.name, describe(error))


def describe(error: Exception) -> str:
    """A sink's failure in one line."""
    if isinstance(error, BrokenPipeError):
        return "its reader went away (broken pipe)"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"
