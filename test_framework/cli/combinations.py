"""Flags that contradict each other, and why.

Rules: a pair belongs here only if no reading of it makes sense; a limit that is never reached, or a permission that
is not used, is no contradiction. Answers without a run (--list-categories and the like) go with everything.
"""

from __future__ import annotations

from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_LAYERS_OR_CATEGORIES = "one runs layers, the other categories"

CONTRADICTIONS: tuple[tuple[str, str, str], ...] = (
    ("--category", "--categories", "they say the same thing twice; name all of them after --categories"),
    ("--execution-mode", "--category", _LAYERS_OR_CATEGORIES),
    ("--execution-mode", "--categories", _LAYERS_OR_CATEGORIES),
    ("--layers", "--category", _LAYERS_OR_CATEGORIES),
    ("--layers", "--categories", _LAYERS_OR_CATEGORIES),
    ("--use-layers", "--category", _LAYERS_OR_CATEGORIES),
    ("--use-layers", "--categories", _LAYERS_OR_CATEGORIES),
    ("--layers", "--execution-mode", "both choose the layers"),
    ("--fast-fail", "--fail-fast-mode disabled", "one stops at the first failure, the other never does"),
    ("--progress-mode silent", "--verbose", "one shows nothing, the other more"),
    ("--no-progress-streaming", "--progress-mode json", "JSON lines are the stream that is switched off"),
    (
        "--no-progress-streaming",
        "--progress-mode console",
        "the live view is the stream that is switched off",
    ),
    ("--no-progress-streaming", "--progress-mode rich", "the live view is the stream that is switched off"),
    ("--dry-run", "--pdb", "a dry run executes nothing that could be debugged"),
    ("--dry-run", "--junitxml", "a dry run has no results to report"),
    ("--dry-run", "--ctrf", "a dry run has no results to report"),
    ("--dry-run", "--output", "a dry run has no results to report"),
    ("--background-e2e", "--execution-mode", "both choose the layers"),
    ("--background-e2e", "--layers", "both choose the layers"),
    ("--background-e2e", "--category", _LAYERS_OR_CATEGORIES),
    ("--background-e2e", "--categories", _LAYERS_OR_CATEGORIES),
    ("--pdb", "--progress-mode json", "both need stdout"),
    ("--pdb", "--parallel", "the debugger needs the terminal for itself, one test at a time"),
    ("--pdb", "--isolation spawn", "the debugger runs in the one session that owns the terminal"),
)
"""(one, other, why). A flag may stand with a value; a pair is met when both are given."""


def refuse_contradictions(options: argparse.Namespace) -> None:
    """Raise `UserError` for the first contradiction, saying why it is one."""
    for one, other, why in CONTRADICTIONS:
        if given(options, one) and given(options, other):
            raise UserError(f"{one} and {other} contradict each other: {why}", "choose one of them")
    most = options.maxfail
    for flag in ("-x", "--fast-fail"):
        if most > 1 and (options.exit_first if flag == "-x" else options.fast_fail):
            raise UserError(
                f"{flag} means --maxfail 1, and --maxfail {most} was given too", "choose one of them"
            )
    if options.pdb and options.lanes not in (None, "auto", "1"):
        raise UserError("--pdb needs the terminal for itself: it runs one lane", "leave out -n, or --pdb")


def given(options: argparse.Namespace, flag: str) -> bool:
    """Whether the flag (with its value, where one stands behind it) was given."""
    name, _, value = flag.partition(" ")
    found = getattr(options, name.lstrip("-").replace("-", "_"))
    return found == value if value else bool(found)
