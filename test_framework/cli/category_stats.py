"""`--show-category-stats`: what the last runs have seen of each category.

Rules: a test counts once, with its newest outcome; the slowest category comes first; nothing is estimated.
"""

from __future__ import annotations

from test_framework.cli.catalogue import RULE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_BAD = frozenset({"failed", "error", "timed_out", "crashed", "oom"})
_NO_VERDICT = frozenset({"lost", "not_run"})


def statistics(tests: Iterable[Mapping[str, Any]], categories: Iterable[str]) -> dict[str, dict[str, Any]]:
    """{category: {"tests", "passed", "failed", "other", "seconds", "slowest"}}; 0 tests where none has run."""
    found = {name: _nothing() for name in categories}
    longest: dict[str, float] = {}
    for test in tests:
        outcome, name, seconds = (
            test.get("outcome"),
            str(test.get("category")),
            float(test.get("seconds") or 0.0),
        )
        if outcome in _NO_VERDICT:
            continue
        row = found.setdefault(name, _nothing())
        row["tests"] += 1
        row["passed" if outcome == "passed" else "failed" if outcome in _BAD else "other"] += 1
        row["seconds"] = round(row["seconds"] + seconds, 6)
        if seconds > longest.get(name, -1.0):
            longest[name] = seconds
            row["slowest"] = test["test"]
    return dict(sorted(found.items(), key=lambda item: -item[1]["seconds"]))


def _nothing() -> dict[str, Any]:
    return {"tests": 0, "passed": 0, "failed": 0, "other": 0, "seconds": 0.0, "slowest": ""}


def statistics_lines(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of what was seen, then the names of what never ran here."""
    lines = ["CATEGORY STATISTICS", RULE]
    seen = {name: row for name, row in rows.items() if row["tests"]}
    if not seen:
        return [*lines, "no test has run here yet"]
    lines.append(
        f"{'category':<18} {'tests':>7} {'passed':>7} {'failed':>7} {'other':>6} {'seconds':>9}  slowest test"
    )
    lines += [
        f"{name:<18} {row['tests']:>7} {row['passed']:>7} {row['failed']:>7} {row['other']:>6} {row['seconds']:>9.2f}"
        f"  {ascii(row['slowest'])[1:-1]}"
        for name, row in seen.items()
    ]
    never = sorted(set(rows) - set(seen))
    return [*lines, f"never seen here: {', '.join(never)}"] if never else lines
