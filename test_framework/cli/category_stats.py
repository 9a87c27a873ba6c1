"""`--show-category-stats`: what the history says of each category.

Rules: every test counts once, with its newest outcome and its usual duration; the slowest category comes first; runs
that the history does not know yet are taken in first. What is missing or cannot be read is said on stderr.
"""

from __future__ import annotations

import sys

from test_framework.cli.catalogue import RULE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

_COLUMNS = ("tests", "passed", "failed", "other", "pass rate", "median s", "95 % s", "total s", "flaky")


def statistics(base: Path, categories: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """{category: its figures}; where the history in `base` (a project's `.apex`) knows no test, the configured guess.

    `categories`: what is configured of each; a share of passed tests below `success_rate_threshold` is said.
    """
    found: dict[str, dict[str, Any]] = {}
    if (base / "runs").is_dir():
        from test_framework.records.history import History
        from test_framework.records.readings import category_statistics

        history = History(base, wait=5.0)
        try:
            history.catch_up()
            rows = category_statistics(history)
        finally:
            for note in history.notes:
                sys.stderr.write(f"apex: warning: {ascii(note)[1:-1]}\n")
            history.close()
        for seen in sorted(rows, key=lambda each: -each.total_seconds):
            found[seen.category] = {
                "tests": seen.tests,
                "passed": seen.passed,
                "failed": seen.failed,
                "other": seen.tests - seen.passed - seen.failed,
                "pass_rate": seen.pass_rate,
                "median_seconds": seen.median_seconds,
                "p95_seconds": seen.p95_seconds,
                "seconds": seen.total_seconds,
                "flaky": seen.flaky,
                "slowest": seen.slowest,
                "last_failure": seen.last_failure,
            }
    for name, body in categories.items():
        row = found.setdefault(name, {"tests": 0})
        if row["tests"]:
            row |= _against_threshold(row["pass_rate"], body)
        else:
            row["estimated_minutes"] = body.get("estimated_duration_minutes")
    return found


def _against_threshold(pass_rate: float | None, body: Mapping[str, Any]) -> dict[str, Any]:
    from test_framework.core.settings import CategorySettings

    threshold = body.get("success_rate_threshold", CategorySettings(name="").success_rate_threshold)
    below = pass_rate is not None and pass_rate < threshold
    return {"success_rate_threshold": threshold, "below_threshold": below}


def statistics_lines(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of what was seen, then the names of what never ran here."""
    lines = ["CATEGORY STATISTICS", RULE]
    seen = {name: row for name, row in rows.items() if row["tests"]}
    if not seen:
        return [*lines, "no test has run here yet"]
    width = max(len("category"), *map(len, seen))
    lines.append(f"{'category':<{width}} {' '.join(f'{name:>9}' for name in _COLUMNS)}  slowest test")
    for name, row in seen.items():
        rate = "-" if row["pass_rate"] is None else f"{row['pass_rate']:.1%}"
        seconds = (f"{row[key]:.3f}" for key in ("median_seconds", "p95_seconds", "seconds"))
        cells = (row["tests"], row["passed"], row["failed"], row["other"], rate, *seconds, row["flaky"])
        lines.append(
            f"{ascii(name)[1:-1]:<{width}} {' '.join(f'{cell:>9}' for cell in cells)}  {ascii(row['slowest'])[1:-1]}"
        )
    lines += [
        f"{ascii(name)[1:-1]}: {row['pass_rate']:.1%} passed, below its success_rate_threshold"
        f" of {row['success_rate_threshold']:.1%}"
        for name, row in seen.items()
        if row.get("below_threshold")
    ]
    never = [_with_guess(name, rows[name]) for name in sorted(set(rows) - set(seen))]
    return [*lines, f"never seen here: {', '.join(never)}"] if never else lines


def _with_guess(name: str, row: Mapping[str, Any]) -> str:
    minutes = row.get("estimated_minutes")
    return f"{ascii(name)[1:-1]} (about {minutes:g} min)" if minutes is not None else ascii(name)[1:-1]
