"""Runs plain pytest and writes what became of each test, in our own outcome names, to a JSON file.

Usage: `PYTHON plain_pytest.py RESULT.json [pytest arguments]`, in the project's directory. It acts like
`python -m pytest` (the directory is on sys.path, nothing else of ours is). Works with pytest 6.2 and later.
Result: `{"exit_code", "pytest", "tests": [[id, outcome, reruns], ...],
"subtests": [[id, outcome], ...]}`; a test that broke in teardown is failed if its call failed, else error.
"""

from __future__ import annotations

import json
import os
import sys

import pytest


def fold(reports: list) -> str:
    """The outcome of one attempt from its reports (setup, call, teardown)."""
    outcome = ""
    for report in reports:
        expected = hasattr(report, "wasxfail")
        if report.when == "call" and report.failed:
            outcome = "failed"
        elif report.failed and outcome != "failed":
            outcome = "error"
        elif report.skipped and not outcome:
            outcome = "xfailed" if expected else "skipped"
        elif report.passed and report.when == "call" and not outcome:
            outcome = "xpassed" if expected else "passed"
    return outcome


class Recorder:
    """Collects reports from `pytest_runtest_logstart` to `pytest_runtest_logfinish`; tests may interleave."""

    def __init__(self) -> None:
        self.tests: list = []
        self.subtests: list = []
        self.reports: dict = {}
        self.reruns: dict = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.reports[nodeid] = []
        self.reruns.setdefault(nodeid, 0)  # a plug-in that repeats tests starts each attempt anew

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report) -> None:
        if type(report).__name__.lower() == "subtestreport":
            self.subtests.append([report.nodeid, report.outcome])
            return
        if report.when == "setup":
            self.reports[report.nodeid] = []
        if report.outcome == "rerun":
            self.reruns[report.nodeid] += 1
        else:
            self.reports[report.nodeid].append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        outcome = fold(self.reports.pop(nodeid))
        if outcome:
            self.tests.append([nodeid, outcome, self.reruns.pop(nodeid)])


def main(result: str, arguments: list) -> int:
    sys.path[0] = os.getcwd()
    recorder = Recorder()
    code = int(pytest.main(arguments, plugins=[recorder]))
    answer = {
        "exit_code": code,
        "pytest": pytest.__version__,
        "tests": recorder.tests,
        "subtests": recorder.subtests,
    }
    with open(result, "w", encoding="ascii") as file:
        json.dump(answer, file)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
