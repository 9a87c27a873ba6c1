"""The console people see: a live foot on a terminal, plain lines everywhere else, the same words in both.

Rules: failures are told as they happen, a failure is told once; a fact that needs no word costs next to
nothing; the run never waits for the terminal (see `outlet`). What is said is made by the painters (`painter`,
`blocks`, `summary`); this file only decides when.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TextIO

from test_framework.core.run_state import Progress, RunState
from test_framework.model import facts as f
from test_framework.model.facts import Stamped
from test_framework.model.outcome import BAD, Outcome, Verdict
from test_framework.sinks import blocks, painter
from test_framework.sinks.human import duration, one_line
from test_framework.sinks.ink import EMPTY, Line, Look, plain, render_all, wants_colour
from test_framework.sinks.outlet import Outlet, outlet_to
from test_framework.sinks.screen import Screen

REPAINT_SECONDS = 0.2
"""a live foot is painted at most so often"""
_GOOD_NEWS = frozenset({Outcome.PASSED, Outcome.SKIPPED, Outcome.XFAILED, Outcome.XPASSED})


@dataclass(slots=True)
class _Said:
    """What a log was told of a layer: when (seconds since the run began), and how many quarters were done."""

    at: float
    quarter: int = 0


class Console:
    """Tells a run to people. `size()` gives columns and rows; `clock()` monotonic seconds."""

    name = "console"

    def __init__(
        self,
        outlet: Outlet,
        look: Look,
        *,
        live: bool = False,
        size: Callable[[], tuple[int, int]] | None = None,
        encoding: str = "utf-8",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outlet = outlet
        self._look = look
        self._screen = Screen(look.colour) if live else None
        self._size = size
        self._encoding = encoding
        self._clock = clock
        self._began = clock()
        self._painted_at = -1.0
        self._rows = 0
        self._pending: list[Line] = []
        self._header_shown = False
        self._first_told = look.verbose or live
        self._said: dict[str, _Said] = {}
        self._categories: dict[str, str] = {}

    def handle(self, stamped: Stamped, state: RunState) -> None:
        fact = stamped.fact
        match fact:
            case f.TestFinished():
                self._test_finished(fact, stamped, state)
            case f.TestStarted():
                return
            case f.TestOwed():
                self._categories.setdefault(fact.test, fact.category)
            case f.SubtestFinished():
                if fact.outcome in BAD:
                    self._tell(blocks.subtest(fact, self._look), state)
            case f.RunStarted():
                self._began = self._clock() - stamped.elapsed
                self._look = self._measured()
                self._header_shown = True
                self._tell(painter.header(state), state)
            case f.RunPlanned():
                self._tell([*painter.collected(state), *([EMPTY] if self._screen else [])], state)
            case f.CollectionFailed():
                if fact.outcome != "skipped" or self._look.verbose:
                    self._tell(blocks.collection(fact, self._look), state)
            case f.LayerStarted():
                self._said[fact.layer] = _Said(stamped.elapsed)
            case f.LayerFinished():
                self._layer_finished(fact, state)
            case f.ServiceReady():
                self._tell([blocks.service_ready(fact)], state)
            case f.ServiceUnhealthy():
                self._tell(blocks.service_unhealthy(fact), state)
            case f.CancelRequested():
                self._cancelled(fact, state)
            case f.SinkFailed():
                self._tell([blocks.broken_sink(fact.sink, fact.message)], state)
            case _:
                return

    def tick(self, state: RunState) -> None:
        now = self._clock() - self._began
        if self._screen is None:
            self._tell_progress(state, now)
        elif now - self._painted_at >= REPAINT_SECONDS and (self._pending or self._outlet.idle):
            self._paint(state, now)

    def close(self, state: RunState, verdict: Verdict) -> None:
        from test_framework.sinks.summary import summary

        self._look = self._measured()
        text = self._screen.clear(self._look.width) if self._screen else ""
        self._screen = None
        if not self._header_shown:
            self._pending[:0] = painter.header(state)
        self._pending += summary(state, verdict, self._categories, self._look)
        self._write(text + self._take())
        self._outlet.close()

    def _test_finished(self, fact: f.TestFinished, stamped: Stamped, state: RunState) -> None:
        if not self._first_told:
            self._first_told = True
            if fact.outcome in _GOOD_NEWS:
                word = blocks.WORDS[fact.outcome].lower()
                text = f"first result after {duration(stamped.elapsed)}: {one_line(fact.test)} {word}"
                self._tell([plain(text, "dim")], state)
        if self._look.verbose:
            self._tell([blocks.test_line(fact, state, self._look)], state)
        if fact.outcome in BAD:
            self._tell(blocks.failure(fact, self._look), state)
        elif fact.outcome is Outcome.LOST:
            self._tell([blocks.lost(fact)], state)
        elif fact.attempt > 1 and fact.test in state.flaky:
            self._tell([blocks.flaky(fact)], state)

    def _layer_finished(self, fact: f.LayerFinished, state: RunState) -> None:
        self._said.pop(fact.layer, None)
        if self._screen is None:
            self._tell([painter.layer_ended(state.layers[fact.layer])], state)

    def _cancelled(self, fact: f.CancelRequested, state: RunState) -> None:
        scope = "" if fact.scope == "run" else f" {one_line(fact.scope.replace(':', ' '))}"
        why = one_line(fact.message or fact.reason.replace("_", " "))
        self._tell([(("warn", f"stopping{scope}: "), ("", why))], state)

    def _tell_progress(self, state: RunState, now: float) -> None:
        for layer, said in self._said.items():
            progress = state.layers[layer]
            if self._worth_telling(progress, said, now):
                self._tell([painter.progress_line(progress, state, now)], state)

    def _worth_telling(self, layer: Progress, said: _Said, now: float) -> bool:
        """Every quarter of the tests and every so often, the rarer the longer the layer runs."""
        waited, age = now - said.at, now - layer.started_at
        pause = 10.0 if age < 60 else 30.0 if age < 600 else 60.0
        quarter = 4 * (layer.done + layer.owed) // layer.tests if layer.tests else 0
        if waited < pause and not (quarter > said.quarter and waited >= 3.0 and quarter < 4):
            return False
        said.at, said.quarter = now, quarter
        return True

    def _tell(self, block: Iterable[Line], state: RunState) -> None:
        """Say something for good: at once, or with the next frame when one was painted a moment ago."""
        self._pending += block
        if self._screen is None:
            self._write(self._take())
        elif self._pending:
            now = self._clock() - self._began
            if now - self._painted_at >= REPAINT_SECONDS / 4:
                self._paint(state, now)

    def _paint(self, state: RunState, now: float) -> None:
        assert self._screen is not None
        look = self._measured()
        if look != self._look:
            self._look, self._rows = look, 0
        foot = painter.region(state, now, look)
        self._rows = max(self._rows, len(foot))
        self._painted_at = now
        self._write(self._screen.frame(self._take(), painter.pad(foot, self._rows), look.width))

    def _take(self) -> str:
        text = render_all(self._pending, self._look.colour)
        self._pending.clear()
        return text

    def _write(self, text: str) -> None:
        self._outlet.write(text.encode(self._encoding, "backslashreplace"))

    def _measured(self) -> Look:
        if self._size is None:
            return self._look
        width, height = self._size()
        if (width, height) == (self._look.width, self._look.height):
            return self._look
        return replace(self._look, width=width, height=height)


def open_console(
    stream: TextIO | None, *, live: bool, verbose: bool = False, environ: Mapping[str, str] = os.environ
) -> Console:
    """A console on `stream` (usually `sys.stdout`; None: a closed one).

    `live` asks for the live foot; it is given where the stream is a terminal that can move its cursor.
    """
    terminal = stream is not None and stream.isatty()
    encoding = (stream.encoding if stream is not None else None) or "utf-8"
    smart = terminal and environ.get("TERM", "dumb") != "dumb"
    descriptor = stream.fileno() if stream is not None and terminal else -1

    def size() -> tuple[int, int]:
        return terminal_size(descriptor, environ)

    width, height = size()
    look = Look(
        width=width,
        height=height,
        cut=smart,
        colour=wants_colour(terminal, environ),
        unicode=_can_show("\u2501\u2508\u2026", encoding),
        verbose=verbose,
    )
    return Console(outlet_to(stream), look, live=live and smart, size=size, encoding=encoding)


def terminal_size(descriptor: int, environ: Mapping[str, str]) -> tuple[int, int]:
    """Columns and rows: `COLUMNS` and `LINES` if set, else the terminal's own, else 100 and 24."""
    columns, rows = 100, 24
    if descriptor >= 0:
        try:
            found = os.get_terminal_size(descriptor)
        except OSError:  # the terminal went away, or never had a size
            found = os.terminal_size((columns, rows))
        columns, rows = found.columns or columns, found.lines or rows
    columns, rows = (
        int(text) if text.isdigit() and int(text) > 0 else size
        for text, size in ((environ.get("COLUMNS", ""), columns), (environ.get("LINES", ""), rows))
    )
    return max(columns, 20), max(rows, 5)


def _can_show(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
