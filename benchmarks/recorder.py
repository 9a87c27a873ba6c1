"""A pytest plug-in that writes down every report of a plain run: what our own outcomes are compared with.

Rules: standard library and pytest's hooks only (it is copied into the suites' environments); it changes
nothing in the run; one JSON object a line, written at the end, or at once where asked (then tests that begin are told
too, so that one that never ends is known); seconds of `at` are those of
CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import json
import time
from typing import Any


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--apex-benchmark-record", default=None, help="file to write every report to")
    parser.addoption("--apex-benchmark-at-once", action="store_true", help="write each report as it comes")


def pytest_configure(config: Any) -> None:
    path = config.getoption("--apex-benchmark-record")
    if path:
        config.pluginmanager.register(
            Recorder(path, config.getoption("--apex-benchmark-at-once")), "apex-benchmark-recorder"
        )


class Recorder:
    """Keeps the reports of one session and writes them when it ends."""

    def __init__(self, path: str, at_once: bool) -> None:
        self.path = path
        self.at_once = at_once
        self.lines: list[dict[str, Any]] = []

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.at_once:
            self.lines.append({"test": nodeid, "when": "start"})
            self._write()

    def pytest_runtest_logreport(self, report: Any) -> None:
        if type(report).__name__ == "SubtestReport" or hasattr(report, "context"):
            return
        line = {
            "test": report.nodeid,
            "when": report.when,
            "outcome": report.outcome,
            "seconds": report.duration,
            "at": time.clock_gettime(time.CLOCK_MONOTONIC),
        }
        if hasattr(report, "wasxfail"):
            line["wasxfail"] = True
        self.lines.append(line)
        if self.at_once:
            self._write()

    def pytest_sessionfinish(self) -> None:
        self._write()

    def _write(self) -> None:
        with open(self.path, "a" if self.at_once else "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in self.lines)
        if self.at_once:
            self.lines.clear()
