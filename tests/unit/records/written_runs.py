"""Runs on disk as a journal writes them, and what a history says, in a form that two histories can be compared in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN, Blame, Outcome
from test_framework.model.wire import encode

Row = tuple[str, int, Outcome] | tuple[str, int, Outcome, float]


def run_id(number: int) -> str:
    return f"20260101-{number // 3600:02d}{number // 60 % 60:02d}{number % 60:02d}-abcdef"


def began(number: int) -> str:
    return f"2026-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000000Z"


def finished(test: str, attempt: int, outcome: Outcome, seconds: float = 0.5, **more: Any) -> f.TestFinished:
    bad = outcome in BAD
    body: dict[str, Any] = {
        "category": "unit",
        "layer": "fast_feedback",
        "worker": "gw0",
        "blame": Blame.TEST if bad else None,
        "message": "assert 3 == 4" if bad else "",
    }
    return f.TestFinished(test=test, attempt=attempt, outcome=outcome, seconds=seconds, **body | more)


def facts_of(rows: Sequence[Row | f.TestFinished], tree: str = "", over: bool = True) -> list[f.Fact]:
    attempts = [row if isinstance(row, f.TestFinished) else finished(*row) for row in rows]
    final = {each.test: each.outcome for each in attempts}
    executed = sum(1 for outcome in final.values() if outcome not in UNPROVEN)
    facts: list[f.Fact] = [
        f.RunStarted(
            apex_version="1",
            project_root="/p",
            mode="nightly",
            environment="test",
            interpreter="python",
            tree=tree,
            host="here",
        ),
        f.RunPlanned(collected=len(final), planned=len(final), python_version="3.11.7"),
    ]
    for each in attempts:
        facts.append(
            f.TestStarted(test=each.test, attempt=each.attempt, category="unit", layer="", worker="gw0")
        )
        facts.append(each)
    if over:
        bad = any(outcome in BAD for outcome in final.values())
        facts.append(
            f.RunFinished(
                exit_code=int(bad),
                seconds=3.0,
                collected=len(final),
                executed=executed,
                owed=len(final) - executed,
            )
        )
    return facts


def lines_of(number: int, facts: Iterable[f.Fact], run: str = "") -> list[bytes]:
    return [
        encode(seq, began(number), seq * 0.001, run or run_id(number), fact) for seq, fact in enumerate(facts)
    ]


def write_run(
    base: Path,
    number: int,
    rows: Sequence[Row | f.TestFinished],
    tree: str = "",
    over: bool = True,
    lines: Sequence[bytes] | None = None,
) -> Path:
    """The directory of a run whose host is gone. `lines`: its file's lines instead of those of the rows."""
    folder = base / "runs" / run_id(number)
    folder.mkdir(parents=True)
    content = lines if lines is not None else lines_of(number, facts_of(rows, tree, over))
    (folder / "facts.jsonl").write_bytes(b"".join(line + b"\n" for line in content))
    return folder


def content_of(path: Path) -> dict[str, list[Any]]:
    """Everything that a history says, without the numbers that it gave."""
    with closing(sqlite3.connect(path)) as database:
        database.text_factory = bytes
        return {
            "runs": database.execute(
                "SELECT r.id, began, ended, seconds, mode, exit_code, collected, executed, proven, owed, revision,"
                " tree, dirty, apex, damaged, torn, e.environment, e.interpreter, e.python, e.pytest, e.host"
                " FROM runs r JOIN environments e ON e.number = r.environment ORDER BY r.id"
            ).fetchall(),
            "attempts": database.execute(
                "SELECT r.id, t.id, attempt, outcome, blame, a.seconds, worker, layer, a.category, flags,"
                " peak_memory_bytes, s.kind, s.message, s.frame FROM attempts a JOIN runs r ON r.number = a.run"
                " JOIN tests t ON t.number = a.test LEFT JOIN signatures s ON s.number = a.signature"
                " ORDER BY r.id, t.id, attempt"
            ).fetchall(),
            "tests": database.execute(
                "SELECT id, file, category, decided, unexplained, seconds, variance, last_outcome, last_bad,"
                " order_dependent, stale, recent FROM tests ORDER BY id"
            ).fetchall(),
            "signatures": database.execute(
                "SELECT kind, message, frame FROM signatures ORDER BY 1, 2, 3"
            ).fetchall(),
            "environments": database.execute(
                "SELECT environment, interpreter, python, pytest, host FROM environments ORDER BY 1, 2, 3, 4, 5"
            ).fetchall(),
        }
