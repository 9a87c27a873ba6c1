"""A run as JUnit XML: the file that pytest's `--junitxml` users know, with retries and what is owed.

Rules: a good first attempt is written down at once and forgotten, so memory does not grow with the suite; bad
ones wait for their retries; the file appears in full at close or not at all. Counts are the state's own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from test_framework.core.run_state import RunState
from test_framework.model import facts as f
from test_framework.model.facts import Stamped
from test_framework.model.outcome import BAD, UNPROVEN, Outcome, Verdict
from test_framework.sinks import junit_elements as xml
from test_framework.sinks.whole_file import is_special, whole_file, writable

_IN_MEMORY = 4 * 1024 * 1024
"""bytes of finished test cases kept in memory before they go to a nameless file in the report's folder"""


class JunitFile:
    """Writes the report to `path` when the run is over. Raises `OSError` at the start if that cannot work."""

    name = "junit"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started_at = ""
        self._written: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._bad: dict[str, list[f.TestFinished]] = {}
        self._later: dict[str, f.TestFinished] = {}
        self._superseded: list[bytes] = []
        self._subtests: dict[tuple[str, int], list[f.SubtestFinished]] = {}
        """failed ones, by test and attempt"""

    def handle(self, stamped: Stamped, state: RunState) -> None:
        del state
        fact = stamped.fact
        if type(fact) is f.TestFinished:
            self._test_finished(fact)
        elif type(fact) is f.SubtestFinished:
            if fact.outcome is Outcome.FAILED:
                self._subtests.setdefault((fact.test, fact.attempt), []).append(fact)
        elif type(fact) is f.CacheHit:
            self._proven(fact)
        elif type(fact) is f.RunStarted:
            self._started_at = stamped.ts
            writable(self._path)

    def tick(self, state: RunState) -> None:
        """Nothing is shown while the run goes on."""

    def close(self, state: RunState, verdict: Verdict) -> None:
        del verdict
        with whole_file(self._path) as stream:
            stream.write(self._head(state))
            if self._written is not None:
                self._written.seek(0)
                if self._superseded:
                    stream.writelines(
                        line for line in self._written if not line.startswith(tuple(self._superseded))
                    )
                else:
                    shutil.copyfileobj(self._written, stream, 1 << 20)
                self._written.close()
            for text in self._waiting(state):
                stream.write(text.encode())
            stream.write(b"</testsuite></testsuites>\n")

    def _test_finished(self, fact: f.TestFinished) -> None:
        test, bad = fact.test, self._bad.get(fact.test)
        if bad is not None and fact.outcome in UNPROVEN:
            return  # an attempt that says nothing: the one before it stands
        if fact.attempt == 1 and bad is None and fact.outcome not in BAD and fact.outcome not in UNPROVEN:
            self._write(xml.case(fact))
            return
        if fact.attempt > 1:
            if test not in self._later and bad is None:
                self._superseded.append(f'{xml.identity(test)} file="'.encode())
            self._later[test] = fact
        if fact.outcome in BAD:
            self._bad.setdefault(test, []).append(fact)

    def _proven(self, fact: f.CacheHit) -> None:
        self._write(
            xml.element(
                xml.opening(fact.test, 0.0),
                [xml.skipped(f"proven by run {fact.proven_by}", kind="apex.proven")],
            )
        )

    def _write(self, text: str) -> None:
        if self._written is None:
            folder = None if is_special(self._path) else os.path.realpath(self._path.parent)
            self._written = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=folder)  # noqa: SIM115 - until close
        self._written.write(_one_line(text))

    def _waiting(self, state: RunState) -> Iterator[str]:
        """Elements of tests that were bad or retried, of what is owed, of what was not collected."""
        for test in {**self._bad, **self._later}:
            if state.final.get(test) in UNPROVEN:
                continue
            bad = self._bad.get(test, [])
            last = self._later.get(test) or bad[-1]
            yield xml.case(last, [each for each in bad if each is not last])
            if last.outcome in BAD:
                yield from xml.further_cases(bad[0], self._failed_subtests(bad[0]))
        for test, reason in _owed(state).items():
            yield xml.element(xml.opening(test, 0.0), [xml.skipped(f"owed: {reason}", kind="apex.owed")])
        for broken in state.collection_failures:
            begin = f'{xml.identity(broken.location)} time="0.000"'
            text = broken.detail or broken.message
            if broken.outcome == "skipped":
                yield xml.element(begin, [xml.skipped("collection skipped", text)])
            else:
                yield xml.element(begin, [xml.error("", "collection failure", text)])

    def _failed_subtests(self, fact: f.TestFinished) -> list[f.SubtestFinished]:
        return self._subtests.get((fact.test, fact.attempt), [])

    def _head(self, state: RunState) -> bytes:
        tally = state.outcomes
        skipped_files = sum(each.outcome == "skipped" for each in state.collection_failures)
        broken_files = len(state.collection_failures) - skipped_files
        shown = [self._bad[test][0] for test in state.failures]
        subtests = sum(len(self._failed_subtests(each)) for each in shown)
        torn = sum(bool(each.teardown) for each in shown)
        errors = sum(tally[each] for each in xml.ERRORS) + broken_files + torn
        owed = len(_owed(state))
        decided = len(state.final) - sum(tally[each] for each in UNPROVEN)
        tests = decided + state.proven + owed + len(state.collection_failures) + subtests + torn
        skipped = tally[Outcome.SKIPPED] + tally[Outcome.XFAILED] + state.proven + owed + skipped_files
        seconds = state.finished.seconds if state.finished else state.elapsed
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="pytest tests">'
            f'<testsuite name="pytest" errors="{errors}" failures="{tally[Outcome.FAILED] + subtests}" '
            f'skipped="{skipped}" tests="{tests}" time="{seconds:.3f}" '
            f'timestamp="{xml.attribute(self._started_at)}" hostname="{xml.attribute(os.uname().nodename)}">'
            f"<properties>{xml.properties(_run_properties(state))}</properties>\n"
        ).encode()


def _one_line(text: str) -> bytes:
    """An element as exactly one line, so that a superseded one can be left out later."""
    return text[:-1].replace("\n", "&#10;").encode() + b"\n"


def _owed(state: RunState) -> dict[str, str]:
    """Tests without an outcome that says something, with the reason."""
    owed = dict(state.owed)
    for outcome in UNPROVEN:
        if state.outcomes[outcome]:
            owed |= {
                test: str(outcome)
                for test, each in state.final.items()
                if each is outcome and test not in owed
            }
    return owed


def _run_properties(state: RunState) -> list[tuple[str, str]]:
    rows = [("apex.run", state.run)]
    if state.started is not None:
        started = state.started
        rows += [
            ("apex.version", started.apex_version),
            ("apex.mode", started.mode),
            ("apex.environment", started.environment),
            ("apex.lanes", str(started.lanes)),
        ]
    if state.planned is not None:
        rows += [
            ("python.version", state.planned.python_version),
            ("pytest.version", state.planned.pytest_version),
        ]
    return [row for row in rows if row[1]]
