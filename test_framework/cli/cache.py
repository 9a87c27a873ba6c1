"""`apex cache`: what proves tests here, and how other checkouts and CI jobs get it.

Rules: the answer is on stdout (`--json`: one JSON value), what could not be taken in is on stderr; nothing is started.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from test_framework.cli.arguments import Parser
from test_framework.engine.project import find_root
from test_framework.model.errors import UserError
from test_framework.model.outcome import ExitCode
from test_framework.records.exchange import Held, RefusedError, Taken, clear, export, held, take_in
from test_framework.records.places import base_of
from test_framework.records.runs import make_private

VERBS = "status, export, merge, clear"
MEGABYTE = 1e6


def build_parser(prog: str) -> Parser:
    parser = Parser(
        prog=f"{prog} cache",
        allow_abbrev=False,
        description="What proves tests of this project, for this checkout and for others.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    common = Parser(add_help=False, allow_abbrev=False)
    common.add_argument(
        "--project-root", metavar="DIR", help="the project (default: this directory's repository)"
    )
    common.add_argument("--json", action="store_true", help="one JSON value on stdout")

    def verb(name: str, words: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=words, description=words, parents=[common], allow_abbrev=False)

    verb("status", "how many tests are recorded, how many of them proofs, and how large it is")
    verb("export", "write it into one file").add_argument("file", metavar="FILE")
    merge = verb("merge", "take in files that were exported elsewhere; of each test the newest record stays")
    merge.add_argument("files", nargs="+", metavar="FILE")
    verb("clear", "forget what proves tests: all of them run next time (the history stays)")
    return parser


def run(arguments: Sequence[str], prog: str) -> int:
    """Do what `arguments` (those after `cache`) say; the exit code. Raises `UserError`."""
    options = build_parser(prog).parse_args(list(arguments) or ["status"])
    if options.verb is None:
        raise UserError("cache does what?", f"one of: {VERBS}; {prog} cache -h")
    base = base_of(find_root(options.project_root))
    try:
        return _DO[options.verb](base, options)
    except OSError as problem:
        name = problem.filename or base
        raise UserError(
            f"cache {options.verb}: {name}: {problem.strerror or problem}",
            "see that it can be read and written",
        ) from problem


def _status(base: Path, options: argparse.Namespace) -> int:
    found, note = held(base)
    if note:
        sys.stderr.write(f"apex: warning: {note}\n")
    _answer(options, {**asdict(found), "directory": str(base)}, [_told(found)])
    return 0


def _export(base: Path, options: argparse.Namespace) -> int:
    try:
        found = export(base, Path(options.file))
    except RefusedError as problem:
        raise UserError(f"nothing to export: {problem}", "run the tests first") from problem
    _answer(options, {**asdict(found), "file": options.file}, [f"{options.file}: {_told(found)}"])
    return 0


def _merge(base: Path, options: argparse.Namespace) -> int:
    make_private(base)
    try:
        taken = take_in(base, [Path(each) for each in options.files])
    except RefusedError as problem:
        raise UserError(
            f"nothing is taken in: {problem}", "forget what is there first: cache clear"
        ) from problem
    for file, why in taken.refused:
        sys.stderr.write(f"apex: error: {file} is not taken in: {why}\n")
    count = len(options.files) - len(taken.refused)
    words = f"{count} of {len(options.files)} files taken in: {taken.new} tests are new or newer; {_told(taken.held)}"
    _answer(options, _merged(taken), [words])
    return int(ExitCode.USAGE if taken.refused else ExitCode.OK)


def _merged(taken: Taken) -> dict[str, Any]:
    refused = [{"file": file, "why": why} for file, why in taken.refused]
    return {**asdict(taken.held), "new": taken.new, "refused": refused}


def _clear(base: Path, options: argparse.Namespace) -> int:
    freed = clear(base) if base.is_dir() else 0
    _answer(options, {"bytes": freed}, [f"forgotten: {_size(freed)}"])
    return 0


_DO = {"status": _status, "export": _export, "merge": _merge, "clear": _clear}


def _told(found: Held) -> str:
    if not found.tests:
        return "nothing is recorded here"
    runs = f"{len(found.runs)} run{'s' if len(found.runs) != 1 else ''}"
    size = f", {_size(found.bytes)}" if found.bytes else ""
    return (
        f"{found.tests} tests recorded, {found.proofs} of them proofs while nothing changes, of {runs}{size}"
    )


def _size(count: int) -> str:
    return f"{count / MEGABYTE:.1f} MB"


def _answer(options: argparse.Namespace, body: dict[str, Any], lines: list[str]) -> None:
    sys.stdout.write((json.dumps(body) if options.json else "\n".join(lines)) + "\n")
