"""Folds the reports of one attempt of one test into one result.

Rules: the outcome is the one plain pytest would show; a pass without anything to tell is an index and a time; texts
are capped, their whole size is named. The fold only reads reports; it never changes them.
"""

from __future__ import annotations

from typing import Any

from .channel import encode, perf_counter
from .memory import high_water, raised
from .telling import cap, describe

MOST_DETAIL = 200_000
MOST_SECTION = 100_000
"""characters"""


class Fold:
    """What is known of the test that is running."""

    __slots__ = (
        "breaks_off",
        "contended",
        "index",
        "memory_before",
        "reports",
        "started",
        "subtests",
        "subtests_passed",
    )

    def __init__(self, index: int, contended: bool = False) -> None:
        self.index = index
        self.started = perf_counter()
        self.memory_before = high_water()
        self.reports: list[Any] = []
        self.subtests: list[Any] = []
        """all but the passed ones"""
        self.subtests_passed = 0
        self.contended = contended
        """whether another lane did not give back a port that it may need"""
        self.breaks_off = False
        """it is to be broken off for that"""

    def add(self, report: Any, is_subtest: bool) -> None:
        """Take a report of setup, call or teardown, or of a subtest."""
        if not is_subtest:
            self.reports.append(report)
        elif report.outcome == "passed" and not hasattr(report, "wasxfail"):
            self.subtests_passed += 1
        else:
            self.subtests.append(report)

    def bad(self) -> bool:
        """Whether the test failed in any phase."""
        return any(report.outcome == "failed" for report in (*self.reports, *self.subtests))

    def complete(self) -> bool:
        """Whether it is known how the test came out (one that was broken off has only a good setup to show)."""
        return bool(self.subtests) or any(
            report.when == "call" or report.outcome != "passed" for report in self.reports
        )

    def seconds(self) -> float:
        """Since the test began."""
        return perf_counter() - self.started

    def lines(self) -> str:
        """The wire lines of the finished test, each with its newline."""
        seconds = self.seconds()
        peak = raised(self.memory_before)
        for report in self.reports:
            if report.outcome != "passed" or report.sections or report.user_properties:
                break
            if hasattr(report, "wasxfail"):
                break
        else:
            if self.reports and not (peak or self.subtests or self.subtests_passed):
                return f'["p",{self.index},{seconds:.6f}]\n'
        lines = [f'["b",{self.index},{encode(_subtest(report))}]\n' for report in self.subtests]
        lines.append(f'["f",{self.index},{seconds:.6f},{encode(self._result(peak))}]\n')
        return "".join(lines)

    def failure_text(self) -> str:
        """The texts of all phases that failed."""
        texts = [describe(report)[1] for report in self.reports if report.outcome == "failed"]
        return cap("\n".join(texts), MOST_DETAIL)

    def _result(self, peak: int) -> dict[str, Any]:
        outcome, phase, telling = self._outcome()
        result: dict[str, Any] = {"outcome": outcome}
        if phase:
            result["phase"] = phase
        if telling is not None:
            message, detail = describe(telling)
            result["message"] = message
            if outcome not in ("passed", "skipped", "xfailed"):
                result["detail"] = cap(detail, MOST_DETAIL)
            if hasattr(telling, "wasxfail") and not message:
                result["message"] = str(telling.wasxfail)
        if self.reports:
            last = self.reports[-1]
            result["sections"] = [
                (str(title), cap(str(text), MOST_SECTION)) for title, text in last.sections if text
            ]
            result["properties"] = [[str(key), str(value)] for key, value in last.user_properties]
        result["peak_memory_bytes"] = peak
        if self.subtests_passed:
            result["subtests_passed"] = self.subtests_passed
        result["flags"] = self._flags(outcome, result)
        return {key: value for key, value in result.items() if value or key == "message"}

    def _flags(self, outcome: str, result: dict[str, Any]) -> list[str]:
        flags = []
        reruns = sum(report.outcome == "rerun" for report in self.reports)
        if reruns:
            flags.append(f"rerun:{reruns}")
        if self.contended and self.bad():
            flags.append("contended")
        teardown = [each for each in self.reports if each.when == "teardown" and each.outcome == "failed"]
        if outcome == "failed" and teardown:
            flags.append("teardown_error")
            result["teardown"], text = describe(teardown[-1])
            result["detail"] = cap(f"{result.get('detail', '')}\n\nERROR at teardown:\n{text}", MOST_DETAIL)
        return flags

    def _outcome(self) -> tuple[str, str, Any]:
        """(outcome, phase, the report that decides it), as plain pytest would count the test."""
        last = {report.when: report for report in self.reports if report.outcome != "rerun"}
        setup, teardown = last.pop("setup", None), last.pop("teardown", None)
        if setup is not None and setup.outcome == "failed":
            return "error", "setup", setup
        for (
            report
        ) in last.values():  # "call", or whatever a plug-in calls a phase of its own (pytest-forked: "???")
            if report.outcome == "failed":
                return "failed", "call", report
        failed = [report for report in self.subtests if report.outcome == "failed"]
        if failed:
            return "failed", "call", failed[0]
        if teardown is not None and teardown.outcome == "failed":
            return "error", "teardown", teardown
        for phase, report in (("setup", setup), ("call", last.get("call")), ("teardown", teardown)):
            if report is None:
                continue
            if hasattr(report, "wasxfail"):
                return ("xfailed" if report.outcome == "skipped" else "xpassed"), phase, report
            if report.outcome == "skipped":
                return "skipped", phase, report
        if setup is None and teardown is None and not last:
            return "error", "", None
        return "passed", "", None


def _subtest(report: Any) -> dict[str, Any]:
    message, detail = describe(report)
    outcome = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if outcome == "skipped" else "xpassed"
    head = getattr(report, "_sub_test_description", None) or getattr(report, "sub_test_description", None)
    return {
        "description": str(head()) if callable(head) else "",
        "outcome": outcome,
        "seconds": getattr(report, "duration", 0.0),
        "message": message,
        "detail": cap(detail, MOST_DETAIL) if outcome == "failed" else "",
    }
