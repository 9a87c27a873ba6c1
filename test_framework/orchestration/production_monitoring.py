"""Structured logs of the components (`<log_dir>/<Component>_production.log`, JSON lines, rotated), and metrics.

Rules: monitoring never raises into what it watches and never waits for a disk: lines are written by a thread of its
own; a log that cannot be written is said once on stderr. Every line names its component as `orchestration.<Component>`.
The folder keeps itself out of git. `python production_monitoring.py --metrics` prints what the recorded runs say.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MOST_BYTES = 10 << 20
KEEP_FILES = 5
MOST_WAITING = 10_000
"""lines that wait for the disk; what comes beyond is counted and dropped"""
CLOSE_SECONDS = 2.0
"""how long the end of a run waits for the last lines"""
LEVELS = ("debug", "info", "warning", "error", "critical")


class ProductionMonitor:
    """Writes one component's log. Usable from any thread; `close` when the component is done."""

    def __init__(self, component_name: str, log_dir: Path) -> None:
        """Raises ValueError for a name that could not be a file's. Nothing is written before the first line."""
        if not component_name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"component name {component_name!r}: letters, digits, - and _ only")
        self.component = f"orchestration.{component_name}"
        self.path = Path(log_dir) / f"{component_name}_production.log"
        self.broken = ""
        self.dropped = 0
        self._lines: queue.Queue[bytes | None] = queue.Queue(MOST_WAITING)
        self._writer: threading.Thread | None = None
        self._guard = threading.Lock()

    def log(self, event: str, level: str = "info", **fields: Any) -> None:
        """Append one line: time (UTC), level, component, event and the given plain values.

        A value under the name `error` that is an exception becomes its text and traceback.
        """
        error = fields.get("error")
        if isinstance(error, BaseException):
            fields["error"] = f"{type(error).__name__}: {error}"
            fields["traceback"] = "".join(traceback.format_exception(error))[-8000:]
        row = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "level": level if level in LEVELS else "info",
            "component": self.component,
            "event": event,
            **fields,
        }
        line = json.dumps(row, default=str, ensure_ascii=True).encode() + b"\n"
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1
            return
        if self._writer is None:
            self._start()

    def close(self) -> None:
        """Write what waits, for a moment at most. Later lines begin anew."""
        writer = self._writer
        if writer is not None:
            self._lines.put(None)
            writer.join(CLOSE_SECONDS)
            self._writer = None

    def _start(self) -> None:
        with self._guard:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name=self.component, daemon=True)
                self._writer.start()

    def _write_all(self) -> None:
        """The thread: a batch of lines at a time, until the end is asked for."""
        over = False
        while not over:
            batch = [self._lines.get()]
            while not self._lines.empty():
                batch.append(self._lines.get())
            over = None in batch
            data = b"".join(line for line in batch if line is not None)
            if data and not self.broken:
                try:
                    self._append(data)
                except OSError as problem:
                    self._say_once(f"{self.path} cannot be written: {problem.strerror or problem}")

    def _append(self, data: bytes) -> None:
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        self._rotate()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        if not self.path.exists() or self.path.stat().st_size < MOST_BYTES:
            return
        for number in range(KEEP_FILES - 1, 0, -1):
            older = self.path.with_suffix(f".log.{number}")
            if older.exists():
                os.replace(older, self.path.with_suffix(f".log.{number + 1}"))
        os.replace(self.path, self.path.with_suffix(".log.1"))

    def _say_once(self, text: str) -> None:
        if not self.broken:
            self.broken = text
            sys.stderr.write(f"apex: monitoring: {text}\n")


def create_production_monitor(component_name: str, log_dir: Path | str) -> ProductionMonitor:
    """A monitor for one component that logs below `log_dir`."""
    return ProductionMonitor(component_name, Path(log_dir))


# -- metrics of what is recorded ------------------------------------------------------------------------------------


def metrics(project_root: Path) -> str:
    """What the recorded runs say, in Prometheus's text format (version 0.0.4)."""
    from test_framework.records.overview import overview

    seen = overview(project_root, [])
    last: Mapping[str, Any] = seen["last"] or {}
    text = "".join(_family(name, about, rows) for name, about, rows in _gauges(seen, last))
    return text + "".join(_family(name, about, rows) for name, about, rows in _of_layers(last))


def _gauges(
    seen: Mapping[str, Any], last: Mapping[str, Any]
) -> Iterator[tuple[str, str, list[tuple[dict[str, str], float]]]]:
    yield "apex_runs_running", "runs that go on now", [({}, len(seen["running"]))]
    yield "apex_runs_lost", "recorded runs whose host died without a verdict", [({}, len(seen["lost"]))]
    if not last:
        return
    yield "apex_last_run_exit_code", "exit code of the last run that ended", [({}, last["exit_code"])]
    yield "apex_last_run_duration_seconds", "wall time of the last run", [({}, last.get("seconds") or 0.0)]
    outcomes = last.get("outcomes") or {}
    yield "apex_last_run_tests", "tests of the last run by outcome", [
        ({"outcome": outcome}, count) for outcome, count in sorted(outcomes.items())
    ]  # fmt: skip
    ledger = last.get("ledger") or {}
    for word in ("collected", "executed", "proven", "owed"):
        yield f"apex_last_run_{word}", f"tests of the last run: {word}", [({}, ledger.get(word, 0))]
    yield "apex_last_run_flaky", "tests that failed and then passed", [({}, len(last.get("flaky") or ()))]


def _of_layers(last: Mapping[str, Any]) -> Iterator[tuple[str, str, list[tuple[dict[str, str], float]]]]:
    layers = last.get("layers") or ()
    for key, name, about in (
        ("seconds", "apex_last_run_layer_duration_seconds", "wall time of a layer in the last run"),
        ("failed", "apex_last_run_layer_failed", "failed tests of a layer in the last run"),
        ("owed", "apex_last_run_layer_owed", "owed tests of a layer in the last run"),
    ):
        yield name, about, [({"layer": each["layer"]}, each.get(key) or 0) for each in layers]


def _family(name: str, about: str, rows: list[tuple[dict[str, str], float]]) -> str:
    if not rows:
        return ""
    lines = [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
    for labels, value in rows:
        marked = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{marked}}} {value:g}" if marked else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def main() -> int:
    """The file as a program."""
    parser = argparse.ArgumentParser(description="What the recorded runs of a project say, for Prometheus.")
    parser.add_argument("--metrics", action="store_true", required=True, help="print metrics in text format")
    parser.add_argument("--project-root", type=Path, default=Path.cwd(), help="the project (this directory)")
    sys.stdout.write(metrics(parser.parse_args().project_root.resolve()))
    return 0


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # started as a file, not as a module
    sys.exit(main())
