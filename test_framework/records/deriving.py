"""From recorded runs to rows of the history, within the transaction that the caller opened.

Rules: a run is a row once, an attempt is a row once (run, test, attempt): deriving again changes nothing. What all
attempts of a test say together is kept beside the test; a run that is newer than all others adds to it, everything
else marks the test stale, and `summarise` reads its attempts anew. Both ways give the same (a test holds them to it).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from struct import pack, unpack

from test_framework.core.signatures import signature
from test_framework.core.track_record import ORDER_DEPENDENT, UNTIMED, Attempt, TrackRecord, track_record
from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN
from test_framework.records.recorded_run import RecordedRun

_LOUD = BAD | UNPROVEN
_RUN_COLUMNS = (
    "id, began, ended, seconds, mode, environment, exit_code, collected, executed, proven, owed, "
    "revision, tree, dirty, apex, damaged, torn"
)


def stored(text: str) -> str | bytes:
    """Text as a column holds it; lone surrogates (ids of undecodable files) are no UTF-8 and become a blob."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def restored(value: str | bytes) -> str:
    """The text of a column written by `stored`."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def insert(database: sqlite3.Connection, run: RecordedRun) -> bool:
    """Add a run with its attempts; False when it is there already."""
    if database.execute("SELECT 1 FROM runs WHERE id = ?", (run.id,)).fetchone():
        return False
    newer = database.execute(
        "SELECT 1 FROM runs WHERE (began, id) > (?, ?) LIMIT 1", (run.began, run.id)
    ).fetchone()
    number = _insert_run(database, run)
    tests = _numbers(database, run.attempts)
    _insert_attempts(database, number, run.attempts, tests)
    _note_in_tests(database, run, tests, newest=newer is None)
    return True


def _insert_run(database: sqlite3.Connection, run: RecordedRun) -> int:
    started = run.started or f.RunStarted(
        apex_version="", project_root="", mode="", environment="", interpreter=""
    )
    planned = run.planned or f.RunPlanned(collected=0)
    environment: tuple[str, ...] = (
        started.environment,
        started.interpreter,
        planned.python_version or started.python_version,
        planned.pytest_version or started.pytest_version,
        started.host,
    )
    environment = (*map(_legible, environment),)
    database.execute(
        "INSERT OR IGNORE INTO environments (environment, interpreter, python, pytest, host) VALUES (?, ?, ?, ?, ?)",
        environment,
    )
    place: int = database.execute(
        "SELECT number FROM environments WHERE (environment, interpreter, python, pytest, host) = (?, ?, ?, ?, ?)",
        environment,
    ).fetchone()[0]
    values = (
        run.id,
        run.began,
        run.ended,
        run.seconds,
        _legible(started.mode),
        place,
        run.finished.exit_code if run.finished is not None else None,
        run.ledger.collected,
        run.ledger.executed,
        run.ledger.proven,
        run.ledger.owed,
        _legible(started.revision),
        _legible(started.tree),
        started.dirty,
        _legible(started.apex_version),
        run.damaged,
        run.torn,
    )
    marks = ", ".join("?" * len(values))
    found = database.execute(f"INSERT INTO runs ({_RUN_COLUMNS}) VALUES ({marks})", values).lastrowid  # noqa: S608
    assert found is not None
    return found


def _numbers(database: sqlite3.Connection, attempts: Sequence[f.TestFinished]) -> dict[str, int]:
    """The numbers of the attempted tests; new ones are added."""
    known = {restored(test): number for test, number in database.execute("SELECT id, number FROM tests")}
    names = dict.fromkeys(each.test for each in attempts)
    new = [name for name in names if name not in known]
    database.executemany(
        "INSERT INTO tests (id, file) VALUES (?, ?)",
        [(stored(name), stored(name.partition("::")[0])) for name in new],
    )
    if new:
        last: int = database.execute("SELECT last_insert_rowid()").fetchone()[0]
        known.update(zip(new, range(last - len(new) + 1, last + 1), strict=True))
    return {name: known[name] for name in names}


def _insert_attempts(
    database: sqlite3.Connection, run: int, attempts: Sequence[f.TestFinished], tests: dict[str, int]
) -> None:
    database.executemany(
        "INSERT INTO attempts (run, test, attempt, outcome, blame, seconds, worker, layer, category, flags,"
        " peak_memory_bytes, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                run,
                tests[each.test],
                each.attempt,
                each.outcome.value,
                each.blame.value if each.blame is not None else "",
                each.seconds,
                _legible(each.worker),
                _legible(each.layer),
                _legible(each.category),
                _legible(" ".join(each.flags)),
                each.peak_memory_bytes,
                _signature(database, each) if each.outcome in BAD else None,
            )
            for each in attempts
        ),
    )


def _signature(database: sqlite3.Connection, attempt: f.TestFinished) -> int:
    found = signature(attempt.outcome.value, attempt.message, attempt.detail, attempt.location)
    values = (_legible(found.kind), _legible(found.message), _legible(found.frame))
    database.execute("INSERT OR IGNORE INTO signatures (kind, message, frame) VALUES (?, ?, ?)", values)
    number: int = database.execute(
        "SELECT number FROM signatures WHERE (kind, message, frame) = (?, ?, ?)", values
    ).fetchone()[0]
    return number


def _legible(text: str) -> str:
    """Text for people: what is no UTF-8 is shown escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# -- summaries ------------------------------------------------------------------------------------------------


def _note_in_tests(
    database: sqlite3.Connection, run: RecordedRun, tests: dict[str, int], newest: bool
) -> None:
    """Add quiet attempts of the newest run to their tests' summaries; mark the other tests stale."""
    last: dict[str, f.TestFinished] = {}
    loud: set[str] = set()
    for each in run.attempts:
        if (
            each.test in last
            or each.outcome in _LOUD
            or UNTIMED in each.flags
            or ORDER_DEPENDENT in each.flags
        ):
            loud.add(each.test)
        last[each.test] = each
    quiet: list[tuple[int | str | float | bytes | None, ...]] = []
    if newest:
        for test, number, *summary in database.execute(
            "SELECT id, number, decided, unexplained, recent, last_bad, category, order_dependent FROM tests"
            " WHERE NOT stale AND last_bad = ''"
        ):
            name = restored(test)
            attempt = last.get(name)
            if attempt is None or name in loud:
                continue
            decided, unexplained, recent, last_bad, category, order_dependent = summary
            before = TrackRecord(
                decided, unexplained, _floats(recent), "", last_bad, category, bool(order_dependent)
            )
            after = before.after_quiet(attempt.seconds, attempt.outcome.value, _legible(attempt.category))
            quiet.append(_columns(number, after))
            del tests[name]
    _update(database, quiet)
    database.executemany(
        "UPDATE tests SET stale = 1 WHERE number = ?", [(number,) for number in tests.values()]
    )


def summarise(database: sqlite3.Connection) -> None:
    """Read the attempts of stale tests anew; a test without attempts is forgotten."""
    database.execute("DELETE FROM tests WHERE stale AND number NOT IN (SELECT test FROM attempts)")
    rows = database.execute(
        "SELECT a.test, r.tree, r.environment, r.id, a.outcome, a.seconds, a.category, a.blame, a.flags, r.began"
        " FROM tests t CROSS JOIN attempts a ON a.test = t.number CROSS JOIN runs r ON r.number = a.run"
        " WHERE t.stale ORDER BY t.number, r.began, r.id, a.attempt"
    )
    _update(
        database,
        [_columns(test, track_record(list(_attempts(rows)))) for test, rows in groupby(rows, itemgetter(0))],
    )


def _attempts(rows: Iterable[tuple[int, str, int, str, str, float, str, str, str, str]]) -> Iterator[Attempt]:
    for _, tree, environment, run, outcome, seconds, category, blame, flags, began in rows:
        inputs = f"{tree} {environment}" if tree else run
        yield Attempt(inputs, run, outcome, seconds, category, blame, tuple(flags.split()), began)


def _columns(number: int, record: TrackRecord) -> tuple[int | str | float | bytes | None, ...]:
    duration = record.duration
    return (
        record.category,
        record.decided,
        record.unexplained,
        duration.seconds if record.recent else None,
        duration.variance,
        record.last_outcome,
        record.last_bad,
        record.order_dependent,
        pack(f"<{len(record.recent)}d", *record.recent),
        number,
    )


def _update(database: sqlite3.Connection, rows: list[tuple[int | str | float | bytes | None, ...]]) -> None:
    database.executemany(
        "UPDATE tests SET category = ?, decided = ?, unexplained = ?, seconds = ?, variance = ?, last_outcome = ?,"
        " last_bad = ?, order_dependent = ?, recent = ?, stale = 0 WHERE number = ?",
        rows,
    )


def _floats(recent: bytes) -> tuple[float, ...]:
    return unpack(f"<{len(recent) // 8}d", recent)


# -- forgetting -----------------------------------------------------------------------------------------------


def forget(database: sqlite3.Connection, runs: Sequence[int]) -> None:
    """Remove runs by number with all that only they said; their tests become stale."""
    for number in runs:
        database.execute(
            "UPDATE tests SET stale = 1 WHERE number IN (SELECT test FROM attempts WHERE run = ?)", (number,)
        )
        database.execute("DELETE FROM attempts WHERE run = ?", (number,))
        database.execute("DELETE FROM runs WHERE number = ?", (number,))
    database.execute(
        "DELETE FROM signatures WHERE number NOT IN (SELECT signature FROM attempts WHERE signature IS NOT NULL)"
    )
    database.execute("DELETE FROM environments WHERE number NOT IN (SELECT environment FROM runs)")
