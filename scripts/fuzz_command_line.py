"""Throws random flags and values at the command line: python scripts/fuzz_command_line.py [--count N] [--seed S]

Rules: flags come from the parser itself, values are right, nearly right or rubbish; each command line must end in
options and a choice of tests, in a message for the user, or in a printed answer. Anything else is printed with what
reproduces it, and makes the exit status 1. Nothing is started.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from test_framework.core.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent
GOOD = (
    "unit", "integration", "smoke", "fast_feedback", "core_integration", "nightly", "commit", "all", "1", "2", "8",
    "30s", "2m", "auto", "test_login", "report.xml", ".", "tests", "1/3",
)  # fmt: skip
RUBBISH = (
    "", " ", "0", "-1", "1e9", "nan", "inf", "²", "٣", "9" * 400, "unti", "ünït", "\U0001f9ea", "a" * 5000, "a\nb",
    "\t", "\x1b[31m", "\udcff", "%s", "%(prog)s", "{0}", "$HOME", "`id`", "; rm x", "*", "[", "../..", "/no/such",
    "@file", "--", "-", "---", "--no-such-flag", "-Z", "=", "--=x", "None", "null",
)  # fmt: skip


def command_lines(seed: int, count: int) -> Iterator[list[str]]:
    """`count` command lines; the same for the same seed."""
    from test_framework.cli.arguments import build_parser
    from test_framework.cli.later import COMMANDS

    actions = [action for action in build_parser()._actions if action.option_strings]
    chance = random.Random(seed)  # noqa: S311 - variety, not secrecy
    for _ in range(count):
        words: list[str] = []
        if chance.random() < 0.1:
            words.append(chance.choice(("run", "status", *COMMANDS)))
        for action in chance.choices(actions, k=chance.choice((0, 1, 1, 2, 2, 3, 4, 6, 9))):
            words += _one(action, chance)
        for _ in range(chance.choice((0, 0, 0, 0, 1))):
            words.insert(chance.randint(0, len(words)), chance.choice(RUBBISH))
        if chance.random() < 0.1:
            words += ["--", *chance.choices((*GOOD, *RUBBISH), k=2)]
        yield words


def _one(action: argparse.Action, chance: random.Random) -> list[str]:
    """A flag with a value or values, mostly as many and of the kind that it takes."""
    flag = chance.choice(action.option_strings)
    if chance.random() < 0.03:
        flag = flag[: chance.randint(1, len(flag))]
    takes = action.nargs != 0
    if chance.random() < 0.05:
        takes = not takes
    if not takes:
        return [flag]
    values = [
        _value(action, chance) for _ in range(chance.choice((1, 1, 2, 3)) if action.nargs == "+" else 1)
    ]
    return [f"{flag}={values[0]}"] if len(values) == 1 and chance.random() < 0.3 else [flag, *values]


def _value(action: argparse.Action, chance: random.Random) -> str:
    if action.choices and chance.random() < 0.8:
        return str(chance.choice(list(action.choices)))
    return chance.choice(GOOD if chance.random() < 0.6 else RUBBISH)


def ending(words: Sequence[str], settings: Settings) -> str:
    """How one command line ends: chosen, refused or answered. Raises whatever must not happen."""
    from test_framework.cli.arguments import ANSWERS, parse
    from test_framework.core.selection import choose
    from test_framework.model.errors import UserError
    from test_framework.orchestration.options import RunOptions
    from test_framework.orchestration.preparation import make_wish

    try:
        options, rest = parse(words)
        if any(getattr(options, name) for name in ANSWERS):
            return "answered"
        choose(make_wish(RunOptions().told(options), explicit=bool(rest)), settings)
    except UserError as error:
        if not error.what or ("\n" in error.what.strip("\n") and "\n" not in "".join(words)):
            raise AssertionError(f"a message of the wrong shape: {error.what!r}") from error
        return "refused"
    except SystemExit as request:
        if request.code:
            raise AssertionError(f"argparse ended the process with {request.code!r}") from request
        return "answered"
    return "chosen"


def fuzz(seed: int, count: int) -> tuple[Counter[str], list[tuple[list[str], str]]]:
    """How often each ending came, and the command lines that ended otherwise with their tracebacks."""
    from test_framework.configuration.load import shipped_mapping
    from test_framework.core.settings_mapping import settings_from_mapping

    settings = settings_from_mapping(shipped_mapping(), "test")
    endings: Counter[str] = Counter()
    faults: list[tuple[list[str], str]] = []
    for words in command_lines(seed, count):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                endings[ending(words, settings)] += 1
        except BaseException:  # noqa: BLE001 - whatever comes is the finding
            faults.append((words, traceback.format_exc()))
    return endings, faults


def main() -> int:
    """Fuzz and print what came of it; 1 if anything ended otherwise than promised."""
    parser = argparse.ArgumentParser(description="random command lines against the parser")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options = parser.parse_args()
    sys.path.insert(0, str(REPOSITORY))
    began = time.monotonic()
    endings, faults = fuzz(options.seed, options.count)
    for words, trace in faults[:10]:
        print(f"{words!r}\n{trace}")
    counts = ", ".join(f"{count} {name}" for name, count in sorted(endings.items()))
    print(
        f"seed {options.seed}: {options.count} command lines in {time.monotonic() - began:.1f} s: {counts}; "
        f"{len(faults)} faults"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
