"""Reads CTRF JSON (Common Test Report Format, ctrf.io): `results.tests` with name, status, duration in milliseconds.

Rules: what has another shape than the format says is named by its place; unknown members are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from test_framework.model.outcome import Outcome
from test_framework.records.foreign_results import MOST_CASES, Case, Foreign, ForeignError

_STATUS = {
    "passed": Outcome.PASSED,
    "failed": Outcome.FAILED,
    "skipped": Outcome.SKIPPED,
    "pending": Outcome.SKIPPED,
    "other": Outcome.NOT_RUN,
}


def read_ctrf(data: bytes) -> Foreign:
    """The cases of a CTRF file. Raises `ForeignError`."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ForeignError(f"no JSON: {error}") from None
    results = document.get("results") if isinstance(document, dict) else None
    tests = results.get("tests") if isinstance(results, dict) else None
    if not isinstance(results, dict) or not isinstance(tests, list):
        raise ForeignError("no CTRF: there is no list results.tests")
    if len(tests) > MOST_CASES:
        raise ForeignError(f"it holds more than {MOST_CASES} cases")
    tool, summary = results.get("tool"), results.get("summary")
    name = tool.get("name") if isinstance(tool, dict) else None
    began = summary.get("start") if isinstance(summary, dict) else None
    return Foreign(
        runner=name if isinstance(name, str) and name else "ctrf",
        began=_time(began),
        cases=[_case(each, number) for number, each in enumerate(tests)],
    )


def _case(test: Any, number: int) -> Case:
    if not isinstance(test, Mapping) or not isinstance(test.get("name"), str):
        raise ForeignError(f"results.tests[{number}] has no name")
    status = test.get("status")
    if not isinstance(status, str) or status not in _STATUS:
        raise ForeignError(f"results.tests[{number}].status is {status!r}; known: {', '.join(_STATUS)}")
    suite = test.get("suite")
    steps = (
        tuple(each for each in suite if isinstance(each, str)) if isinstance(suite, list) else (_text(suite),)
    )
    retries = test.get("retries")
    before = (
        retries if isinstance(retries, int) and not isinstance(retries, bool) and 0 < retries <= 100 else 0
    )
    if test.get("flaky") is True:
        before = max(1, before)
    outcome = _STATUS[status]
    retried = outcome in (Outcome.PASSED, Outcome.FAILED)
    return Case(
        name=test["name"],
        file=_text(test.get("filePath")),
        suite=tuple(step for step in steps if step),
        outcome=outcome,
        seconds=_seconds(test.get("duration")),
        message=_text(test.get("message")),
        detail=_text(test.get("trace")),
        earlier=[(Outcome.FAILED, "")] * before if retried else [],
    )


def _seconds(milliseconds: Any) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return milliseconds / 1000 if 0 <= milliseconds < 1e10 else None


def _text(value: Any) -> str:
    return value[:20_000] if isinstance(value, str) else ""


def _time(milliseconds: Any) -> str:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float) or milliseconds <= 0:
        return ""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (OverflowError, ValueError, OSError):
        return ""
