"""Folds the reports of one attempt of one test into one result.

Rules: the outcome is the one plain pytest would show; a pass without anything to tell is an index and a time; texts
are capped, their whole size is named. The fold only reads reports; it never changes them.
"""

from .channel import encode, perf_counter

MOST_DETAIL = 200_000
MOST_SECTION = 100_000


def cap(text, most):
    """Head and tail of a long text with the number of characters dropped between them."""
    if len(text) <= most:
        return text
    half = most // 2
    return "%s\n... %d characters dropped ...\n%s" % (text[:half], len(text) - 2 * half, text[-half:])


class Fold:
    """What is known of the test that is running."""

    __slots__ = ("index", "outcome", "phase", "plain", "reports", "started", "subtests", "subtests_passed")

    def __init__(self, index):
        self.index = index
        self.started = perf_counter()
        self.reports = []
        self.subtests = []
        self.subtests_passed = 0
        self.plain = True

    def add(self, report, is_subtest):
        if is_subtest:
            if report.outcome == "passed" and not hasattr(report, "wasxfail"):
                self.subtests_passed += 1
            else:
                self.subtests.append(report)
            return
        self.reports.append(report)

    def bad(self):
        """Whether the test failed in any phase."""
        return any(report.outcome == "failed" for report in (*self.reports, *self.subtests))

    def lines(self):
        """The wire lines of the finished test."""
        seconds = perf_counter() - self.started
        for report in self.reports:
            if report.outcome != "passed" or report.sections or report.user_properties or hasattr(report, "wasxfail"):
                break
        else:
            if self.reports and not self.subtests and not self.subtests_passed:
                return '["p",%d,%.6f]\n' % (self.index, seconds)
        lines = ['["b",%d,%s]\n' % (self.index, encode(_subtest(report))) for report in self.subtests]
        lines.append('["f",%d,%.6f,%s]\n' % (self.index, seconds, encode(self._result())))
        return "".join(lines)

    def _result(self):
        outcome, phase, telling = self._outcome()
        result = {"outcome": outcome}
        if phase:
            result["phase"] = phase
        if telling is not None:
            message, detail = describe(telling)
            result["message"] = message
            if outcome not in ("passed", "skipped", "xfailed"):
                result["detail"] = cap(detail, MOST_DETAIL)
            if hasattr(telling, "wasxfail") and not message:
                result["message"] = str(telling.wasxfail)
        sections = []
        if self.reports:
            last = self.reports[-1]
            sections = [(str(title), cap(str(text), MOST_SECTION)) for title, text in last.sections if text]
            properties = [[str(key), str(value)] for key, value in last.user_properties]
            if properties:
                result["properties"] = properties
        if sections:
            result["sections"] = sections
        if self.subtests_passed:
            result["subtests_passed"] = self.subtests_passed
        flags = [report.outcome for report in self.reports if report.outcome == "rerun"]
        if flags:
            result["flags"] = ["rerun:%d" % len(flags)]
        bad_phases = [each.when for each in self.reports if each.outcome == "failed"]
        if outcome == "failed" and "teardown" in bad_phases:
            teardown = [each for each in self.reports if each.when == "teardown"][-1]
            result.setdefault("flags", []).append("teardown_error")
            result["detail"] = cap(result.get("detail", "") + "\n\nERROR at teardown:\n" + describe(teardown)[1], MOST_DETAIL)
        return result

    def _outcome(self):
        """(outcome, phase, the report that decides it), as plain pytest would count the test."""
        last = {}
        for report in self.reports:
            if report.outcome != "rerun":
                last[report.when] = report
        setup, call, teardown = last.get("setup"), last.get("call"), last.get("teardown")
        if setup is not None and setup.outcome == "failed":
            return "error", "setup", setup
        if call is not None and call.outcome == "failed":
            return "failed", "call", call
        failed = [report for report in self.subtests if report.outcome == "failed"]
        if failed:
            return "failed", "call", failed[0]
        if teardown is not None and teardown.outcome == "failed":
            return "error", "teardown", teardown
        for phase in ("setup", "call", "teardown"):
            report = last.get(phase)
            if report is None:
                continue
            if hasattr(report, "wasxfail"):
                return ("xfailed" if report.outcome == "skipped" else "xpassed"), phase, report
            if report.outcome == "skipped":
                return "skipped", phase, report
        if not last:
            return "error", "", None
        return "passed", "", None


def _subtest(report):
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


def describe(report):
    """(one line, whole text) of why a report is not a plain pass."""
    longrepr = getattr(report, "longrepr", None)
    if longrepr is None:
        return "", ""
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        text = str(longrepr[2])
        return text[len("Skipped: ") :] if text.startswith("Skipped: ") else text, text
    crash = getattr(longrepr, "reprcrash", None)
    message = str(crash.message) if crash is not None and getattr(crash, "message", None) else ""
    text = str(getattr(report, "longreprtext", "") or longrepr)
    if not message:
        lines = [line for line in text.strip().splitlines() if line.strip()]
        message = lines[-1] if lines else ""
    return message.split("\n", 1)[0][:1000], text
