"""`--show-category-stats`: what the history says of each category.

Rules: every test counts once, with its newest outcome and its usual duration; the slowest category comes first; runs
that the history does not know yet are taken in first. What is missing or cannot be read is said on stderr.
"""

from __future__ import annotations

import sys

from test_framework.cli.catalogue import RULE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any

_COLUMNS = ("tests", "passed", "failed", "other", "pass rate", "median s", "95 % s", "total s", "flaky")


def statistics(base: Path, categories: Iterable[str]) -> dict[str, dict[str, Any]]:
    """{category: its figures}; 0 tests where the history in `base` (a project's `.apex`) knows of none."""
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
        for row in sorted(rows, key=lambda each: -each.total_seconds):
            found[row.category] = {
                "tests": row.tests,
                "passed": row.passed,
                "failed": row.failed,
                "other": row.tests - row.passed - row.failed,
                "pass_rate": row.pass_rate,
                "median_seconds": row.median_seconds,
                "p95_seconds": row.p95_seconds,
                "seconds": row.total_seconds,
                "flaky": row.flaky,
                "slowest": row.slowest,
                "last_failure": row.last_failure,
            }
    return {**found, **{name: {"tests": 0} for name in categories if name not in found}}


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
    never = sorted(set(rows) - set(seen))
    return [*lines, f"never seen here: {', '.join(never)}"] if never else lines
