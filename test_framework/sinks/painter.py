"""What a run looks like while it goes on: header, layers with progress and estimate, tests that take long.

Rules: pure functions of (RunState, now, Look); `now` is seconds since the run began; no clock, no stream.
Every number shown is the state's own.
"""

from __future__ import annotations

import os.path

from test_framework.core.run_state import Progress, RunState
from test_framework.model.outcome import StopReason
from test_framework.sinks.human import clock, count, duration, fit, one_line
from test_framework.sinks.ink import EMPTY, Line, Look, Span, plain, trim

SLOW_SECONDS = 1.0
"""tests that run longer than this are named"""
SLOW_ROWS = 4
"""at most so many of them on a terminal"""

_STYLES = {
    "passed": "good",
    "failed": "bad",
    "timed_out": "bad",
    "stopped": "warn",
    "blocked": "warn",
    "empty": "dim",
    "waiting": "dim",
}


def status_words(status: str) -> str:
    return status.replace("_", " ")


def status_style(status: str) -> str:
    return _STYLES.get(status, "")


def header(state: RunState) -> list[Line]:
    """Who runs what, where: the first line of a run."""
    started = state.started
    if started is None:
        return []
    project = os.path.basename(started.project_root.rstrip("/")) or started.project_root
    parts = [one_line(project), one_line(started.mode)]
    if started.environment not in ("", "test"):
        parts.append(f"environment {one_line(started.environment)}")
    parts.append(count(started.lanes, "lane"))
    if started.budget_seconds is not None:
        parts.append(f"at most {clock(started.budget_seconds)}")
    return [(("bold", f"apex {started.apex_version}"), ("", ": " + ", ".join(parts)))]


def collected(state: RunState) -> list[Line]:
    """What was found and how it will be run, once that is known."""
    planned, started = state.planned, state.started
    if planned is None:
        return []
    python = planned.python_version or (started.python_version if started else "")
    pytest = planned.pytest_version or (started.pytest_version if started else "")
    versions = [f"Python {one_line(python)}"] if python else []
    versions += [f"pytest {one_line(pytest)}"] if pytest else []
    text = f"collected {count(planned.collected, 'test')} in {duration(planned.collection_seconds)}"
    if planned.deselected:
        text += f", {planned.deselected} deselected"
    if planned.planned != planned.collected:
        text += f", {planned.planned} to run"
    if planned.estimate_seconds:
        text += f", estimate {clock(planned.estimate_seconds)}"
    block = [plain("; ".join([", ".join(versions), text]) if versions else text)]
    if planned.isolation != "fork" and planned.isolation_reason:
        block.append(
            plain(f"lanes: {one_line(planned.isolation)}, {one_line(planned.isolation_reason)}", "dim")
        )
    block += [plain(f"note: {one_line(note)}", "dim") for note in planned.notes]
    return block


def seconds_left(layer: Progress, now: float) -> float | None:
    """An honest guess of a running layer's rest; None where there is nothing to guess from.

    The recorded estimate serves as long as it holds; after that, and without one, the rate so far.
    """
    elapsed = now - layer.started_at
    rest = layer.tests - layer.done - layer.owed
    if rest <= 0:
        return None
    if layer.estimate_seconds and elapsed < layer.estimate_seconds:
        return layer.estimate_seconds - elapsed
    if elapsed < 1.0 or layer.done * 50 < layer.tests:
        return None
    return elapsed * rest / layer.done


def slow_tests(state: RunState, now: float) -> list[tuple[float, str, str]]:
    """(seconds, worker, test) of running tests that take long, longest first."""
    found = [(now - began, worker, test) for worker, (test, began) in state.running.items()]
    return sorted((each for each in found if each[0] >= SLOW_SECONDS), reverse=True)


def progress_line(layer: Progress, state: RunState, now: float) -> Line:
    """One line about a running layer, for logs."""
    percent = 100 * (layer.done + layer.owed) // layer.tests if layer.tests else 100
    parts = [f" {layer.done}/{layer.tests} ({percent} %)"]
    spans: list[Span] = [("bold", one_line(layer.name) + ":"), ("", parts[0])]
    if layer.bad:
        spans += [("", ", "), ("bad", f"{layer.bad} failed")]
    time = f", {clock(now - layer.started_at)}"
    if layer.budget_seconds:
        time += f" of {clock(layer.budget_seconds)}"
    left = seconds_left(layer, now)
    if left is not None:
        time += f", about {clock(left)} left"
    spans.append(("", time))
    slow = slow_tests(state, now)
    if slow:
        seconds, worker, test = slow[0]
        spans.append(("dim", f"; for {clock(seconds)} on {one_line(worker)}: {one_line(test)}"))
    return tuple(spans)


def layer_ended(layer: Progress) -> Line:
    """One line about a layer that is over, for logs."""
    spans: list[Span] = [("bold", one_line(layer.name) + ":"), ("", " ")]
    spans.append((status_style(layer.status), status_words(layer.status)))
    spans.append(("", f", {layer.done}/{layer.tests}"))
    if layer.bad:
        spans += [("", ", "), ("bad", f"{layer.bad} failed")]
    if layer.owed:
        spans += [("", ", "), ("warn", f"{layer.owed} owed")]
    spans.append(("", f" in {duration(layer.seconds)}"))
    if layer.reason and layer.reason != f"{layer.bad} failed":
        spans.append(("dim", f" - {one_line(layer.reason)}"))
    return tuple(spans)


def region(state: RunState, now: float, look: Look) -> list[Line]:
    """The foot of a terminal: a line per layer, the tests that take long, why the run is stopping."""
    width = look.width - 1
    if state.planned is None:
        return [trim(plain(f"collecting tests, {clock(now)}", "dim"), width, look.gap)]
    waiting = state.started.layers if state.started else ()
    layers = list(state.layers.values())
    layers += [Progress(layer) for layer in waiting if layer not in state.layers]
    foot = _slow_rows(state, now, look)
    if state.stop is not None:
        foot.append(_stopping(state))
    elif layers and not any(layer.status in ("running", "waiting") for layer in layers):
        foot.append(plain(f" waiting for the project's pytest session to end, {clock(now)}", "dim"))
    table = _layer_rows(layers, now, look)
    room = max(look.height - 2 - len(foot), 1)
    if len(table) > room:
        table = _most_telling(layers, table, room)
    return [trim(line, width, look.gap) for line in (*table, *foot)]


def _most_telling(layers: list[Progress], table: list[Line], room: int) -> list[Line]:
    order = {"running": 0, "failed": 1, "timed_out": 1, "waiting": 3}
    places = sorted(range(len(layers)), key=lambda place: order.get(layers[place].status, 2))
    return [table[place] for place in sorted(places[:room])]


def _layer_rows(layers: list[Progress], now: float, look: Look) -> list[Line]:
    names = [fit(one_line(layer.name), 28, look.gap) for layer in layers]
    named = max(map(len, names), default=0)
    counts = [f"{layer.done}/{layer.tests}" for layer in layers]
    counted = max((2 * len(str(layer.tests)) + 1 for layer in layers), default=0)
    times = [_time(layer, now) for layer in layers]
    timed = max(map(len, times), default=0)
    failed = max((len(f"  {layer.bad} failed") for layer in layers if layer.bad), default=0)
    room = look.width - named - counted - timed - failed - len("  ~59 s left") - 8
    bar = min(room, 30) if room >= 6 else 0
    rows: list[Line] = []
    for layer, name, done, time in zip(layers, names, counts, times, strict=True):
        if layer.status == "waiting":
            rows.append((("dim", f" {name:<{named}}  waiting"),))
            continue
        spans: list[Span] = [("bold", f" {name:<{named}}")]
        if bar:
            spans += [("", "  "), *_bar(layer, bar, look)]
        spans += [("", f"  {done:>{counted}}"), ("dim", f"  {time:<{timed}}")]
        if layer.bad:
            spans.append(("bad", f"  {layer.bad} failed"))
        if layer.status != "running":
            spans.append((status_style(layer.status), f"  {status_words(layer.status)}"))
        elif (left := seconds_left(layer, now)) is not None:
            spans.append(("dim", f"  ~{clock(left)} left"))
        rows.append(tuple(spans))
    return rows


def _time(layer: Progress, now: float) -> str:
    if layer.status == "waiting":
        return ""
    if layer.status != "running":
        return f"{clock(layer.seconds):>4}"
    time = f"{clock(now - layer.started_at):>4}"
    return f"{time} / {clock(layer.budget_seconds)}" if layer.budget_seconds else time


def _bar(layer: Progress, width: int, look: Look) -> list[Span]:
    full, rest = ("\u2501", "\u2501") if look.unicode else ("#", ".")
    if not look.colour and look.unicode:
        rest = "\u2508"
    done = width * layer.done // layer.tests if layer.tests else width
    owed = width * layer.owed // layer.tests if layer.tests else 0
    style = "bad" if layer.bad else "good"
    return [(style, full * done), ("dim", rest * (width - done - owed)), ("warn", rest * owed)]


def _slow_rows(state: RunState, now: float, look: Look) -> list[Line]:
    slow = slow_tests(state, now)
    if not slow:
        return []
    rows: list[Line] = []
    shown = slow[: min(SLOW_ROWS, max(look.height - 6, 1))]
    named = max(len(worker) for _, worker, _ in shown)
    for seconds, worker, test in shown:
        begin = f"   {one_line(worker):<{named}}  {clock(seconds):>6}  "
        rows.append((("warn", begin), ("", fit(one_line(test), look.width - 1 - len(begin), look.gap))))
    if len(slow) > len(shown):
        rows.append(plain(f"   and {len(slow) - len(shown)} more that take long", "dim"))
    return rows


def _stopping(state: RunState) -> Line:
    text = f" stopping: {one_line(state.stop_message) or 'told to'}"
    if state.stop is StopReason.INTERRUPT:
        text += " (Ctrl-C again to stop at once)"
    return (("warn", text),)


def pad(lines: list[Line], rows: int) -> list[Line]:
    """Lines followed by empty ones, so that what stands above does not jump."""
    return lines + [EMPTY] * (rows - len(lines))
