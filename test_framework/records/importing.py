"""Takes in results of other runners, so that a first run already knows durations and failures.

Rules: an import becomes a recorded run of its own, `imports/import-<digest>/facts.jsonl`, in the words of all runs: the
history is derived from it like from any other, and a rebuild finds it again. The digest is that of the file: the same
file is taken in once. What could not be mapped to a test is returned by name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from test_framework import __version__
from test_framework.core.track_record import UNTIMED
from test_framework.model import facts as f
from test_framework.model.outcome import BAD, UNPROVEN, Blame, Outcome
from test_framework.model.wire import encode
from test_framework.records.ctrf_reading import read_ctrf
from test_framework.records.foreign_results import MOST_BYTES, Case, Foreign, ForeignError, Names, merged
from test_framework.records.junit_reading import read_junit
from test_framework.records.recorded_run import FACTS
from test_framework.records.runs import make_private

FOLDER = "imports"
MODE = "import"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file of results."""

    file: str
    run: str
    runner: str
    tests: int
    duplicates: int
    untimed: int
    unmapped: tuple[str, ...]
    """cases that name no test of this project, as the file names them"""
    already: bool = False
    """the same file was taken in before; nothing was written"""


def import_file(base: Path, root: Path, path: Path, place: Callable[[str, str], str]) -> Imported:
    """Write the results in `path` as a recorded run below `base`. `place(file, node id)` names a test's category.

    Raises `ForeignError` for a file that holds no results, `OSError` where it cannot be read or the run written.
    """
    data, changed = _content(path)
    foreign = _read(data)
    names = Names(root)
    mapped, unmapped = [], []
    for case in foreign.cases:
        node_id = names.node_id(case)
        if node_id is None:
            unmapped.append(case.title)
        else:
            mapped.append((node_id, case))
    tests, duplicates = merged(mapped)
    run = f"import-{hashlib.sha256(data).hexdigest()[:16]}"
    untimed = sum(1 for case in tests.values() if case.seconds is None)
    already = (base / FOLDER / run).exists()
    if tests and not already:
        began = foreign.began or datetime.fromtimestamp(changed, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        _write(base, run, _lines(run, began, root, path, foreign, tests, place))
    return Imported(str(path), run, foreign.runner, len(tests), duplicates, untimed, tuple(unmapped), already)


def _content(path: Path) -> tuple[bytes, float]:
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
        changed = os.fstat(file.fileno()).st_mtime
    if len(data) > MOST_BYTES:
        raise ForeignError(f"it is larger than {MOST_BYTES // (1024 * 1024)} MiB")
    return data, changed


def _read(data: bytes) -> Foreign:
    begin = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(b"{"):
        return read_ctrf(data)
    if not begin:
        raise ForeignError("it is empty")
    return read_junit(BytesIO(data))


def _lines(
    run: str,
    began: str,
    root: Path,
    path: Path,
    foreign: Foreign,
    tests: dict[str, Case],
    place: Callable[[str, str], str],
) -> Iterator[bytes]:
    facts = _facts(root, path, foreign, tests, place)
    return (encode(seq, began, 0.0, run, fact) for seq, fact in enumerate(facts))


def _facts(
    root: Path, path: Path, foreign: Foreign, tests: dict[str, Case], place: Callable[[str, str], str]
) -> Iterator[f.Fact]:
    """The facts that the run would have had."""
    yield f.RunStarted(
        apex_version=__version__,
        project_root=str(root),
        mode=MODE,
        environment="",
        interpreter=foreign.runner,
        arguments=(str(path),),
    )
    yield f.RunPlanned(collected=len(tests), planned=len(tests))
    outcomes: Counter[str] = Counter()
    for node_id, case in tests.items():
        yield from _attempts(node_id, case, place(node_id.partition("::")[0], node_id))
        outcomes[case.outcome.value] += 1
    undecided = sum(outcomes[outcome.value] for outcome in UNPROVEN)
    yield f.RunFinished(
        exit_code=int(any(case.outcome in BAD for case in tests.values())),
        seconds=sum(case.seconds or 0.0 for case in tests.values()),
        collected=len(tests),
        executed=len(tests) - undecided,
        owed=undecided,
        outcomes=dict(outcomes),
    )


def _attempts(node_id: str, case: Case, category: str) -> Iterator[f.TestFinished]:
    rows: list[tuple[Outcome, str, str, float | None]]
    rows = [(outcome, message, "", None) for outcome, message in case.earlier]
    rows.append((case.outcome, case.message, case.detail, case.seconds))
    for attempt, (outcome, message, detail, seconds) in enumerate(rows, 1):
        yield f.TestFinished(
            test=node_id,
            attempt=attempt,
            outcome=outcome,
            category=category,
            layer="",
            worker="",
            seconds=seconds or 0.0,
            blame=Blame.TEST if outcome in BAD else None,
            message=message[:2_000],
            detail=detail,
            flags=(UNTIMED,) if seconds is None else (),
        )


def _write(base: Path, run: str, lines: Iterator[bytes]) -> None:
    """The run's directory, there as a whole or not at all."""
    make_private(base)
    folder = base / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    draft = folder / f".new-{run}-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    try:
        with open(
            os.open(draft / FACTS, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb"
        ) as file:
            file.writelines(line + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.rename(draft, folder / run)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
