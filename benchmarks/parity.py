"""Does our command give every test the outcome that plain pytest gives it?

Rules: the plain run comes first, in the same environment; every test that differs is named; a differing
exit code is a difference too; nothing is run again until it fits.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from benchmarks import commands, outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.commands import Options
    from benchmarks.page import Page
    from benchmarks.suites import Prepared

NAMED = 50
"""Differing tests that are named per suite; the count is always whole."""


def measure(page: Page, suites: Sequence[Prepared], options: Options) -> bool:
    """Print the table of all suites; True when nothing differs."""
    page.heading("Outcomes per test: plain pytest and ours")
    rows, notes = [], []
    for prepared in suites:
        row, found = _compare(prepared, options)
        rows.append(row)
        notes += [f"{prepared.name}: {note}" for note in found]
    page.table(
        ("suite", "plain tests", "our tests", "plain exit", "our exit", "different", "plain outcomes"), rows
    )
    for note in notes:
        page.line(f"- {note}")
    return not notes


def _compare(prepared: Prepared, options: Options) -> tuple[list[str], list[str]]:
    record = prepared.logs / "plain.jsonl"
    record.unlink(missing_ok=True)
    plain_exit = _run(prepared, commands.recorded(prepared, record, options), "plain.txt")
    notes = [] if record.is_file() else [f"plain pytest left no record, see {prepared.logs / 'plain.txt'}"]
    plain = outcomes.fold_reports(outcomes.read_lines(record)) if record.is_file() else {}
    our_exit = _run(
        prepared, commands.ours(prepared, options, "--no-cache", "--progress-mode", "json"), "ours.jsonl"
    )
    try:
        ours = outcomes.fold_facts(outcomes.read_lines(prepared.logs / "ours.jsonl"))
    except ValueError as error:
        notes.append(f"our standard output is not JSON lines: {error}")
        ours = {}
    different = outcomes.differences(plain, ours)
    notes += [f"{each.test}: plain {each.plain}, ours {each.ours}" for each in different[:NAMED]]
    if len(different) > NAMED:
        notes.append(f"... and {len(different) - NAMED} more")
    if plain_exit != our_exit:
        notes.append(
            f"exit code {our_exit}, plain pytest's is {plain_exit} (see {prepared.logs / 'ours.err'})"
        )
    counts: dict[str, int] = {}
    for words in plain.values():
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    summary = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    row = [
        prepared.name,
        str(len(plain)),
        str(len(ours)),
        str(plain_exit),
        str(our_exit),
        str(len(different)),
        summary,
    ]
    return row, notes


def _run(prepared: Prepared, argv: Sequence[str], log: str) -> int:
    """Run to the end; standard output goes to `log`, standard error beside it."""
    output = prepared.logs / log
    with output.open("wb") as stdout, output.with_suffix(".err").open("wb") as stderr:
        return subprocess.run(
            argv,
            cwd=prepared.source,
            env=commands.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            check=False,
        ).returncode
