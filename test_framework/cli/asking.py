"""Asks what is remembered while the project's interpreter starts: when everything is proven, that is the answer.

Rules: only for runs of which people read the outcome on a terminal or in a log; reports, streams and debuggers want a
run, which then takes every test as proven by itself. What is answered is kept, so that the same command is answered
before anything is started.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress

from test_framework import __version__
from test_framework.cli.unchanged import keep_answer
from test_framework.core.selection import why_not_chosen

TYPE_CHECKING = False  # as typing has it, without importing it
if TYPE_CHECKING:
    from pathlib import Path

    from test_framework.orchestration.gate import Gate
    from test_framework.orchestration.preparation import Preparation, Started
    from test_framework.records.checkout import Checkout
    from test_framework.records.unchanged import Answer

READ_BY_PEOPLE = ("simple", "rich", "console", "silent")


def may_be_answered(preparation: Preparation) -> bool:
    """Whether this command asks for a verdict and nothing else."""
    options = preparation.options
    for_more = (
        options.verbose, options.junitxml, options.ctrf, options.output, options.dry_run, options.no_capture,
        options.pdb,
        options.no_cache, options.last_failed, options.resume_from, options.only_changed,
        options.observation, options.executor,
        preparation.settings.plugins, preparation.notes,
        preparation.named_tests,
    )  # fmt: skip
    return preparation.records and options.progress_mode in READ_BY_PEOPLE and not any(for_more)


def ask(started: Started) -> Answer | None:
    """The answer where everything is proven already; it is kept for the next time. None: tests have to run."""
    preparation, proving = started.preparation, started.proving
    base = preparation.project_root / ".apex"
    if proving is None or not (base / "proof.json").exists():
        return None
    proving.recollect(base)
    found = proving.gate()
    if found.state != "proven":
        return None
    answer = answer_of(found, preparation)
    with suppress(OSError):  # then the next command asks again
        keep_answer(preparation.arguments, os.environ, found, answer)
    with suppress(OSError):  # then nobody knows of this state of the project that it is proven
        _pay(started.checkout.result(), found, base)
    return answer


def _pay(checkout: Checkout, found: Gate, base: Path) -> None:
    """Nothing of what is proven here is owed any more in this state of the project."""
    from test_framework.records import ledger
    from test_framework.records.account import Account

    known = ledger.load(base).trees
    if any(each.tree == checkout.tree and not each.owed for each in known):
        return
    account = Account(collected=dict(found.inventory), proven=set(found.proven))
    whole = any(each.whole == found.run for each in known)
    ledger.keep(base, checkout, found.run, account, whole=whole)


def answer_of(found: Gate, preparation: Preparation) -> Answer:
    """What is printed, as plain values."""
    if preparation.options.progress_mode == "silent":
        return {"lines": [], "last": ""}
    proven, owed = len(found.inventory) - len(found.left_out), len(found.left_out)
    what = f"{preparation.project_root.name}, {preparation.mode}"
    lines = [f"apex {__version__}: {what}: nothing has changed since run {found.run}"]
    if owed:
        categories = Counter(found.inventory[test][0] for test in found.left_out)
        where = ", ".join(f"{name} ({count})" for name, count in sorted(categories.items()))
        lines.append(f"{owed} owed: {why_not_chosen(preparation.wish)}: {where}")
    lines.append(f"executed 0 + proven {proven} + owed {owed} = collected {proven + owed}")
    return {"lines": lines, "last": f"{proven} proven" + (f", {owed} owed" if owed else "")}
