"""`python -m benchmarks`: prepares the suites, measures, prints the tables, saves them only when asked.

Rules: exit 0 when every row did its work and every goal was met, 1 when not, 2 when nothing could be
measured; progress goes to standard error, results to standard output.
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import commands, machine
from benchmarks.commands import Options
from benchmarks.interpreters import Interpreter, ask, find
from benchmarks.page import Page
from benchmarks.prepare import prepare, say_on_stderr
from benchmarks.suites import (
    HERE,
    VERSIONS,
    BenchmarkError,
    Prepared,
    default_work,
    find_prepared,
    load_suites,
)
from benchmarks.turn import take_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        with take_turn(arguments.work.resolve(), say_on_stderr):
            return _prepare(arguments) if arguments.verb == "prepare" else _measure(arguments)
    except BenchmarkError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, words in (
        ("prepare", "fetch the suites and make their environments"),
        ("parity", "outcome of each test: ours against plain pytest"),
        ("full", "whole cold run against serial pytest, pytest-xdist, pytest-split and the limit"),
        ("start", "time to the first result, and answers that need no test"),
        ("cost", "what our own processes cost at 1,000 to 100,000 tests"),
        ("mutations", "planted faults: no test that fails may have been taken as proven"),
        ("all", "parity, full, start and cost on one page"),
    ):
        one = verbs.add_parser(verb, help=words, description=words)
        one.add_argument(
            "--work", type=Path, default=default_work(), metavar="DIR", help="where the suites lie"
        )
        one.add_argument(
            "--suite", action="append", default=[], metavar="NAME", help="only this suite; repeatable"
        )
        one.add_argument(
            "--python",
            action="append",
            default=[],
            metavar="VERSION|EXE",
            help=f"of the suites; repeatable (prepare, parity: {', '.join(VERSIONS)}; else {VERSIONS[0]})",
        )
        if verb != "prepare":
            _add_measuring(one)
    return parser


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each alternating measurement (5)")
    parser.add_argument(
        "--processes",
        type=int,
        default=commands.usable_processors(),
        metavar="N",
        help="processes of xdist, pytest-split and ours (usable processors)",
    )
    parser.add_argument(
        "--ours-option",
        action="append",
        default=[],
        metavar="OPTION",
        help="add to our command line; repeatable",
    )
    parser.add_argument(
        "--split-algorithm",
        default="duration_based_chunks",
        choices=("duration_based_chunks", "least_duration"),
    )
    parser.add_argument(
        "--no-cache-provider", action="store_true", help="give `-p no:cacheprovider` to every contender"
    )
    parser.add_argument(
        "--real-100000", action="store_true", help="cost: really run a project of 100,000 tests"
    )
    parser.add_argument("--count", type=int, default=40, help="mutations: planted faults a suite (40)")
    parser.add_argument("--seed", type=int, default=1, help="mutations: which ones are chosen (1)")
    parser.add_argument("--save", action="store_true", help="also write the page below benchmarks/results/")


def _prepare(arguments: argparse.Namespace) -> int:
    found: list[Interpreter] = []
    for wanted in arguments.python or VERSIONS:
        try:
            found.append(find(wanted))
        except BenchmarkError as error:
            if arguments.python:
                raise
            say_on_stderr(f"left out: {error}")
    if not found:
        raise BenchmarkError("no interpreter to prepare for")
    prepare(arguments.work.resolve(), load_suites(arguments.suite), found, say_on_stderr)
    return 0


def _measure(arguments: argparse.Namespace) -> int:
    from benchmarks import cost, full, mutations, parity, start

    work: Path = arguments.work.resolve()
    verb: str = arguments.verb
    options = Options(
        processes=arguments.processes,
        ours_options=tuple(arguments.ours_option),
        split_algorithm=arguments.split_algorithm,
        cache_provider=not arguments.no_cache_provider,
    )
    versions = [_version(wanted) for wanted in arguments.python]
    timed = [] if verb in ("parity", "cost") else _suites(work, arguments.suite, versions or [VERSIONS[0]])
    compared = _suites(work, arguments.suite, versions or list(VERSIONS)) if verb in ("parity", "all") else []
    page = Page()
    page.line(f"# Benchmarks: {verb}\n")
    machine.describe(page, _interpreters([*timed, *compared]))
    if arguments.no_cache_provider:
        page.line("- every contender runs with `-p no:cacheprovider`")
    parts: list[Callable[[], bool]] = []
    if compared:
        parts.append(lambda: parity.measure(page, compared, options))
    if verb == "mutations":
        parts.append(lambda: mutations.measure(page, timed, arguments.count, arguments.seed))
    if verb in ("full", "all"):
        parts.append(lambda: full.measure(page, timed, options, arguments.rounds))
    if verb in ("start", "all"):
        parts.append(lambda: start.measure_first_result(page, timed, options, arguments.rounds))
        parts.append(lambda: start.measure_answers(page, work))
    if verb in ("cost", "all"):
        parts.append(lambda: cost.measure(page, work, real_large=arguments.real_100000))
    good = [_one_part(page, part) for part in parts]
    if arguments.save:
        target = HERE / "results" / f"{machine.today()}-{machine.slug()}-{verb}.md"
        page.save(target)
        say_on_stderr(f"saved: {target}")
    return 0 if all(good) else 1


def _one_part(page: Page, part: Callable[[], bool]) -> bool:
    """Measure one part; what cannot be measured is said on the page, and the next part goes on."""
    try:
        return part()
    except BenchmarkError as error:
        page.line(f"\nNot measured: {error}")
        return False


def _suites(work: Path, names: Sequence[str], versions: Sequence[str]) -> list[Prepared]:
    return [prepared for version in versions for prepared in find_prepared(work, names, version)]


def _version(wanted: str) -> str:
    """major.minor of what was named: a version, or an interpreter's path."""
    if wanted.replace(".", "").isdigit():
        return wanted
    found = ask(wanted)
    if found is None:
        raise BenchmarkError(f"{wanted} is not a Python interpreter that starts")
    return found.version


def _interpreters(suites: Sequence[Prepared]) -> dict[str, str]:
    found = {"interpreter of our command": f"{platform.python_implementation()} {platform.python_version()}"}
    for prepared in suites:
        key = f"interpreter of the suites, {prepared.version}"
        if key not in found:
            answer = ask(str(prepared.python))
            found[key] = answer.full_version if answer else "does not start"
    return found


if __name__ == "__main__":
    raise SystemExit(main())
