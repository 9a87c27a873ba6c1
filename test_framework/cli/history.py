"""`apex history`: what is remembered of former runs, and how it is kept.

Rules: the answer is on stdout (`--json`: one JSON value), warnings are on stderr; asking makes no file in a
project that has none; a history that cannot be used is said, never a traceback.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from test_framework.cli.arguments import Parser
from test_framework.engine.project import find_root
from test_framework.model.errors import UserError

if TYPE_CHECKING:
    import argparse

    from test_framework.records.history import History
    from test_framework.records.readings import AttemptRow, RunRow, TestRow

_MOST_NAMED = 10


def build_parser(prog: str) -> Parser:
    parser = Parser(
        prog=f"{prog} history",
        allow_abbrev=False,
        description="What is remembered of former runs of this project.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    common = Parser(add_help=False, allow_abbrev=False)
    common.add_argument(
        "--project-root", metavar="DIR", help="the project (default: this directory's repository)"
    )
    common.add_argument("--json", action="store_true", help="one JSON value on stdout")

    def verb(name: str, words: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=words, description=words, parents=[common], allow_abbrev=False)

    show = verb("show", "the last runs, and the tests that failed last")
    show.add_argument("-n", dest="count", type=_count, default=10, metavar="N", help="how many runs (10)")
    test = verb("test", "one test: how long it takes, its attempts, its failures")
    test.add_argument("test", metavar="NODEID")
    test.add_argument("-n", dest="count", type=_count, default=20, metavar="N", help="how many attempts (20)")
    verb("rebuild", "derive the history anew from the runs' files")
    importing = verb("import", "take in JUnit XML or CTRF JSON of other runners")
    importing.add_argument("files", nargs="+", metavar="FILE")
    verb("prune", "remove what is older or larger than the project's limits, now")
    verb("path", "where the history lies")
    verb("stats", "how large it is and what it holds; checks the whole file")
    return parser


def run(arguments: Sequence[str], prog: str) -> int:
    """Do what `arguments` (those after `history`) say; the exit code. Raises `UserError`."""
    options = build_parser(prog).parse_args(list(arguments) or ["show"])
    if options.verb is None:
        raise UserError(
            "history does what?",
            f"one of: show, test, rebuild, import, prune, path, stats; {prog} history -h",
        )
    root = find_root(options.project_root)
    from test_framework.records.history import History
    from test_framework.records.places import base_of

    base = base_of(root)
    if options.verb == "path":
        _answer(options, {"path": str(base / "history.sqlite3")}, [str(base / "history.sqlite3")])
        return 0
    files = _import_files(base, root, options.files) if options.verb == "import" else []
    if not base.is_dir():
        return _without_history(options, files)
    history = History(base, wait=5.0, whole=options.verb in ("stats", "rebuild"))
    try:
        history.catch_up()
        code = _VERBS[options.verb](history, root, options, files)
    finally:
        for note in history.notes:
            sys.stderr.write(f"apex: warning: {_shown(note)}\n")
        history.close()
    return code


def _without_history(options: argparse.Namespace, files: list[Any]) -> int:
    """Nothing is recorded here, and none of the files held a test of this project."""
    if options.verb == "import":
        _answer(options, *_imported(files))
        return 1
    _answer(options, None, ["no run of this project is recorded yet"])
    return 0


# -- verbs ----------------------------------------------------------------------------------------------------


def _show(history: History, root: Path, options: argparse.Namespace, files: list[Any]) -> int:
    del root, files
    from test_framework.records.readings import last_runs

    runs = last_runs(history, options.count)
    remembered = history.remembered()
    body = {
        "runs": [_run_body(each) for each in runs],
        "failed": dict(remembered.failed),
        "flaky": sorted(remembered.flaky),
    }
    lines = [_run_line(each) for each in runs] or ["no run of this project is recorded yet"]
    lines += _named("failed last", [f"{test} ({outcome})" for test, outcome in remembered.failed.items()])
    lines += _named("flaky", sorted(remembered.flaky))
    _answer(options, body, lines)
    return 0


def _test(history: History, root: Path, options: argparse.Namespace, files: list[Any]) -> int:
    del root, files
    from test_framework.records.readings import one_test, similar_ids

    found = one_test(history, options.test, options.count)
    if found is None:
        near = similar_ids(history, options.test)
        raise UserError(
            f"the history knows no test {_shown(options.test)}",
            "it knows:\n" + "\n".join(map(_shown, near))
            if near
            else "node ids look like tests/test_a.py::test_b",
        )
    _answer(options, _test_body(found), _test_lines(found))
    return 0


def _rebuild(history: History, root: Path, options: argparse.Namespace, files: list[Any]) -> int:
    del root, files
    from test_framework.records import ledger

    derived = history.rebuild()
    try:
        states = ledger.rebuild(history.base)
    except OSError as problem:
        raise UserError(
            f"what is owed cannot be made anew: {problem.strerror or problem} ({problem.filename})",
            "the history itself was; make the directory writable and try again",
        ) from None
    lines = [
        f"derived from {_plural(derived, 'run')}",
        f"owed tests of {_plural(states, 'state')} of the project",
    ]
    _answer(options, {"runs": derived, "states": states}, lines)
    return 0 if history.writable else 1


def _import(history: History, root: Path, options: argparse.Namespace, files: list[Any]) -> int:
    del root
    _answer(options, *_imported(files))
    return 0 if history.writable and any(each.tests for each in files) else 1


def _imported(files: list[Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """What became of files of results, for programs and for people."""
    lines: list[str] = []
    for each in files:
        already = " (taken in before)" if each.already else ""
        lines.append(f"{_shown(each.file)}: {_plural(each.tests, 'test')} of {_shown(each.runner)}{already}")
        if each.duplicates:
            lines.append(
                f"  {_plural(each.duplicates, 'case')} named a test a second time: the worse outcome counts"
            )
        if each.untimed:
            lines.append(f"  {_plural(each.untimed, 'test')} without a duration")
        lines += ["  " + line for line in _named("no test of this project", list(each.unmapped))]
    return [{name: getattr(each, name) for name in each.__slots__} for each in files], lines


def _prune(history: History, root: Path, options: argparse.Namespace, files: list[Any]) -> int:
    del files
    from test_framework.configuration.load import load_settings
    from test_framework.records.retention import Retention

    removed = history.prune(Retention.from_settings(load_settings(root, "test").history))
    if history.writable:
        history.shrink()
    body = {"runs": removed.runs, "bytes": removed.bytes}
    _answer(options, body, [f"removed {_plural(removed.runs, 'run')}, {_size(removed.bytes)}"])
    return 0


def _stats(history: History, root: Path, options: argparse.Namespace, files: list[Any]) -> int:
    del root, files
    from test_framework.records.readings import file_statistics

    found = file_statistics(history)
    if found is None:
        _answer(options, None, ["there is no history that can be read"])
        return 1
    lines = [
        f"{_shown(found.path)}, schema {found.schema}, {_size(found.bytes)}",
        ", ".join(
            [
                _plural(found.runs, "run"),
                _plural(found.tests, "test"),
                _plural(found.attempts, "attempt"),
                _plural(found.signatures, "failure signature"),
                f"{found.flaky} flaky",
            ]
        ),
        f"from {found.oldest[:19] or '-'} to {found.newest[:19] or '-'}",
    ]
    _answer(options, {name: getattr(found, name) for name in found.__slots__}, lines)
    return 0


_VERBS = {
    "show": _show,
    "test": _test,
    "rebuild": _rebuild,
    "import": _import,
    "prune": _prune,
    "stats": _stats,
}


def _import_files(base: Path, root: Path, names: Sequence[str]) -> list[Any]:
    """Take in every file, or none: a file that cannot be taken in is named before any is written."""
    from test_framework.configuration.load import load_settings
    from test_framework.core.classification import Classifier
    from test_framework.records.foreign_results import ForeignError
    from test_framework.records.importing import import_file

    classifier = Classifier(load_settings(root, "test"))
    found = []
    for name in names:
        try:
            found.append(
                import_file(
                    base, root, Path(name), lambda file, test: classifier.classify(frozenset(), file, test)
                )
            )
        except ForeignError as error:
            raise UserError(f"{_shown(name)}: {error}", "JUnit XML and CTRF JSON can be taken in") from None
        except OSError as error:
            raise UserError(f"{_shown(name)}: {error.strerror or error}") from None
    return found


# -- words ----------------------------------------------------------------------------------------------------


def _run_body(each: RunRow) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__slots__}


def _run_line(each: RunRow) -> str:
    verdict = "died" if each.exit_code is None else f"exit {each.exit_code}"
    state = f" {each.revision[:10]}{'+' if each.dirty else ''}" if each.revision else ""
    owed = f", {each.owed} owed" if each.owed else ""
    proven = f", {each.proven} proven" if each.proven else ""
    return (
        f"{each.id}  {each.began[:19]}  {verdict}  {each.mode}{state}  "
        f"{each.executed} of {each.collected} run{proven}{owed}, {each.seconds:.1f} s"
    )


def _test_body(found: TestRow) -> dict[str, Any]:
    return {
        "id": found.id,
        "category": found.category,
        "seconds": found.duration.seconds if found.duration.count else None,
        "spread_seconds": found.duration.spread if found.duration.count else None,
        "samples": found.duration.count,
        "decided": found.decided,
        "unexplained_failures": found.unexplained,
        "last_outcome": found.last_outcome,
        "last_bad": found.last_bad,
        "attempts": [{name: getattr(each, name) for name in each.__slots__} for each in found.attempts],
    }


def _test_lines(found: TestRow) -> list[str]:
    duration = found.duration
    takes = f"{duration.seconds:.3f} s, spread {duration.spread:.3f} s" if duration.count else "never timed"
    lines = [
        _shown(found.id),
        f"category {found.category or '-'}; {takes}; last {found.last_outcome or 'not decided'}",
    ]
    if found.unexplained:
        lines.append(
            f"flaky: failed {found.unexplained} of {found.decided} times although nothing had changed"
        )
    return lines + [_attempt_line(each) for each in found.attempts]


def _attempt_line(each: AttemptRow) -> str:
    number = f" attempt {each.attempt}" if each.attempt > 1 else ""
    flags = f" [{_shown(each.flags)}]" if each.flags else ""
    mebibytes = (each.peak_memory_bytes or 0) / (1 << 20)
    memory = f" {mebibytes:.0f} MiB" if mebibytes >= 1 else ""
    failure = f"  {_shown(each.failure)}" if each.failure else ""
    took = f"{each.outcome:<9} {each.seconds:9.3f} s{memory}"
    return f"{each.began[:19]}  {took}  {each.run}{number}{flags}{failure}"


def _named(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = [f"  and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return [f"{len(names)} {what}:", *(f"  {_shown(name)}" for name in names[:_MOST_NAMED]), *more]


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _size(count: int) -> str:
    return f"{count / 1024:.0f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"


def _shown(text: str) -> str:
    """Text that cannot steer a terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        import argparse

        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def _answer(options: argparse.Namespace, body: object, lines: Sequence[str]) -> None:
    text = json.dumps(body, indent=2) if options.json else "\n".join(lines)
    sys.stdout.write(text + "\n")
