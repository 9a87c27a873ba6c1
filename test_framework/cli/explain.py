"""`apex explain TEST`: why a test would run, is proven, or was owed, from what is remembered; text or JSON.

Rules: nothing is started; asyncio, yaml and pytest are not imported. A sceptic can check every line: the run that
proves, all that the proof rests on (`--all`), and the first thing that differs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from test_framework.cli.arguments import Parser
from test_framework.core.memory import Memory, Record, frames_of
from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.core.proof import Proven, ToRun, decide
from test_framework.core.pytest_options import ARGUMENTS
from test_framework.model.errors import UserError
from test_framework.records.changes import Digests
from test_framework.records.dependencies import DIGESTS, load_memory
from test_framework.records.present import Present, Surroundings
from test_framework.records.sources import Sources

FEW = 10
LATEST_RUNS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one test's proof."""

    test: str
    state: str
    """proven | to run"""
    reason: str
    cause: str = ""
    subject: str = ""
    recorded_by: str = ""
    outcome: str = ""
    seconds: float = 0.0
    owed: str = ""
    """why the newest run that accounts for it owed it; empty: it did not"""
    executed: dict[str, list[str]] = field(default_factory=dict)
    """file -> functions that the test itself executed"""
    rests_on: dict[str, list[str]] = field(default_factory=dict)
    """file -> blocks of code: all that ran before the fork and in the process up to the test's end"""
    data: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)


def run(arguments: Sequence[str], prog: str) -> int:
    """The sub-command; returns its exit code. Raises `UserError`."""
    from test_framework.configuration.load import load_settings
    from test_framework.engine.processes import test_environment
    from test_framework.engine.project import find_interpreter, find_root

    options = _parser(prog).parse_args(list(arguments))
    root = find_root(options.project_root)
    settings = load_settings(root, options.env)
    executable = find_interpreter(options.python, settings.tests.interpreter, root, os.environ)
    base = root / ".apex"
    loaded = load_memory(base)
    if not loaded.memory.records:
        raise UserError(loaded.note or "no run has been recorded yet", f"run the tests first: {prog} run")
    test = find_test(loaded.memory, options.test)
    environ = test_environment(os.environ, "", {"TEST_ENV": settings.environment, "TEST_LLM_MODE": "mock"})
    explanation = explain(loaded.memory, test, root, executable, environ, base)
    if options.json:
        sys.stdout.write(json.dumps(asdict(explanation), indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(as_text(explanation, everything=options.all)) + "\n")
    return 0


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=f"{prog} explain", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("test", metavar="TEST", help="a node id, or a part of one that only it has")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--all", action="store_true", help="everything that the proof rests on")
    parser.add_argument("--project-root", metavar="DIR")
    parser.add_argument("--python", metavar="EXE")
    parser.add_argument("--env", choices=tuple(ENVIRONMENT_NAMES), default="test")
    return parser


def find_test(memory: Memory, asked: str) -> str:
    """The one recorded test that is meant. Raises `UserError` where none or several are."""
    if asked in memory.records:
        return asked
    found = sorted(test for test in memory.records if asked in test)
    if len(found) == 1:
        return found[0]
    if not found:
        import difflib

        near = difflib.get_close_matches(asked, memory.records, n=3)
        raise UserError(f"no test {asked!r} is recorded", "\n".join(("the nearest:", *near)) if near else "")
    more = [f"... and {len(found) - FEW} more"] if len(found) > FEW else []
    raise UserError(f"{asked!r} means {len(found)} tests", "\n".join(("name one of:", *found[:FEW], *more)))


def explain(
    memory: Memory, test: str, root: Path, executable: str, environ: dict[str, str], base: Path
) -> Explanation:
    """What is known of a recorded test, compared with the present."""
    record = memory.records[test]
    snapshot = memory.snapshots.get(record.run)
    arguments = snapshot.environment.get(ARGUMENTS, "").split() if snapshot is not None else []
    surroundings = Surroundings(root=root, executable=executable, environ=environ, arguments=arguments)
    now = Present(memory, surroundings, Digests.load(root, base / DIGESTS), Sources.of(base)).now()
    if now is None:
        raise UserError(f"the packages of {executable} cannot be found: nothing can be proven with it")
    decision = decide(memory, now, [test])[test]
    rests_on, data, variables = _rests_on(memory, record)
    executed: dict[str, list[str]] = {}
    for block in record.own:
        source, name = memory.blocks[block]
        executed.setdefault(memory.sources[source][0], []).append(name)
    proven = isinstance(decision, Proven)
    return Explanation(
        test=test,
        state="proven" if proven else "to run",
        reason=f"nothing that it depends on has changed since run {record.run}"
        if isinstance(decision, Proven)
        else str(decision.reason),
        cause=str(decision.reason.cause) if isinstance(decision, ToRun) else "",
        subject=decision.reason.subject if isinstance(decision, ToRun) else "",
        recorded_by=record.run,
        outcome=record.outcome,
        seconds=record.seconds,
        owed=_owed(base, test),
        executed=executed,
        rests_on=rests_on,
        data=data,
        variables=variables,
    )


def _rests_on(memory: Memory, record: Record) -> tuple[dict[str, list[str]], list[str], list[str]]:
    if record.order < 0 or record.run not in memory.snapshots:
        return {}, [], []
    blocks: dict[str, set[str]] = {}
    data: set[str] = set()
    variables: set[str] = set()
    for frame in frames_of(memory, record):
        for block in frame.blocks:
            source, name = memory.blocks[block]
            blocks.setdefault(memory.sources[source][0], set()).add(name)
        data |= {memory.data[number][0] for number in frame.data}
        variables |= {memory.variables[number][0] for number in frame.variables}
    return {path: sorted(blocks[path]) for path in sorted(blocks)}, sorted(data), sorted(variables)


def _owed(base: Path, test: str) -> str:
    """Why the newest of the latest runs that accounts for the test owed it."""
    from test_framework.model.facts import TestFinished, TestOwed
    from test_framework.records.places import RUN_ID
    from test_framework.records.runs import read_facts

    try:
        runs = sorted((each for each in (base / "runs").iterdir() if RUN_ID.match(each.name)), reverse=True)
    except OSError:
        return ""
    for directory in runs[:LATEST_RUNS]:
        reason = None
        try:
            for stamped in read_facts(directory / "facts.jsonl"):
                fact = stamped.fact
                if isinstance(fact, TestOwed) and fact.test == test:
                    reason = f"{fact.reason} (run {directory.name})"
                elif isinstance(fact, TestFinished) and fact.test == test:
                    reason = reason or ""
        except OSError:
            continue
        if reason is not None:
            return reason
    return ""


def as_text(explanation: Explanation, *, everything: bool = False) -> list[str]:
    """For people: the answer first, then what it rests on."""
    one = explanation
    lines = [one.test, f"  {one.state}: {one.reason}"]
    lines.append(f"  last recorded: {one.outcome} in run {one.recorded_by}, {one.seconds:.3f} s")
    if one.owed:
        lines.append(f"  owed: {one.owed}")
    for path, names in list(one.executed.items())[: None if everything else FEW]:
        lines.append(f"  executed: {path}: {', '.join(names)}")
    functions = sum(len(names) for names in one.rests_on.values())
    lines.append(
        f"  rests on: {functions} blocks of code in {len(one.rests_on)} files, {len(one.data)} data files, "
        f"{len(one.variables)} environment variables, the installed packages, pytest's arguments and configuration"
    )
    if everything:
        lines += [f"    {path}: {', '.join(names)}" for path, names in one.rests_on.items()]
        lines += [f"    data: {path}" for path in one.data]
        lines += [f"    variable: {name}" for name in one.variables]
    elif one.data or one.variables:
        lines += [f"    data: {path}" for path in one.data[:FEW]]
        lines += [f"    variable: {name}" for name in one.variables[:FEW]]
        lines.append("    --all shows everything")
    return lines
