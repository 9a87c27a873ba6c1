"""Runs in the background: started, looked at, followed and ended from any terminal.

Rules: starting returns at once with the run's id; what is told comes from the run's own files; Ctrl-C ends the looking,
never the run.
"""

from __future__ import annotations

import sys

from test_framework.cli.values import positive
from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from test_framework.core.run_state import RunState
    from test_framework.model.facts import Stamped

QUESTIONS = ("background_status", "background_results", "kill_background", "attach")
VALUED = ("--execution-mode", "--background-timeout", "--progress-mode", "--project-root")
"""flags of the starter that its host is not given, each with a value"""
LOOK_EVERY_SECONDS = 0.05


def add_background(group: argparse._ArgumentGroup) -> None:
    """Add the flags to a parser's group."""
    add = group.add_argument
    add(
        "--background-e2e",
        action="store_true",
        help="start the background layers as a run of their own, print its id and return at once",
    )
    add("--background-timeout", metavar="MIN", type=positive, help="minutes that the background run may take")
    add("--background-status", action="store_true", help="the background runs: running, finished, lost")
    add("--background-results", metavar="N", type=positive, help="how the last N background runs ended")
    add("--attach", metavar="RUN", help="follow a run from its beginning; Ctrl-C ends the following only")
    add("--kill-background", metavar="ID", help="end a background run: gently, then with force")


def asked(options: argparse.Namespace) -> bool:
    """Whether the command is one of these."""
    return bool(
        options.background_e2e
        or options.execution_mode == "background"
        or any(getattr(options, name) for name in QUESTIONS)
    )


def run(options: argparse.Namespace, argv: Sequence[str]) -> int:
    """Do what was asked; the exit code. Raises `UserError`."""
    from test_framework.engine.project import find_root

    root = find_root(options.project_root)
    if options.kill_background:
        from test_framework.orchestration.detached import end_detached

        sys.stdout.write(f"{end_detached(root, options.kill_background)}\n")
        return 0
    if options.background_status or options.background_results:
        return _tell_runs(root, options)
    if options.attach:
        return attach(root, options)
    started = start(root, options, argv)
    if options.progress_mode == "json":
        import json

        sys.stdout.write(json.dumps({"run": started, "state": "running"}) + "\n")
    else:
        sys.stdout.write(f"started in the background: {started}\n  follow it    --attach {started}\n")
        sys.stdout.write(f"  all of them  --background-status\n  end it       --kill-background {started}\n")
    return 0


def start_beside(options: argparse.Namespace, argv: Sequence[str]) -> None:
    """`hybrid`: start the background layers, and leave the other layers of the mode to this command."""
    from test_framework.configuration.load import load_settings
    from test_framework.engine.project import find_root
    from test_framework.orchestration.detached import layers_before, layers_behind

    root = find_root(options.project_root)
    settings = load_settings(root, options.env)
    before, behind = layers_before(settings), layers_behind(settings)
    run_id = start(root, options, argv)
    sys.stderr.write(f"apex: {', '.join(behind)} runs in the background as {run_id} (--attach {run_id})\n")
    conflicts = {name for layer in behind for name in settings.layers[layer].conflicts} & set(before)
    if conflicts:
        sys.stderr.write(
            f"apex: hybrid runs it beside {', '.join(sorted(conflicts))} in spite of its conflicts\n"
        )
    options.execution_mode, options.layers = None, list(before)


def start(root: Path, options: argparse.Namespace, argv: Sequence[str]) -> str:
    """Start the layers of the mode `background` detached; the run's id."""
    from test_framework.configuration.load import load_settings
    from test_framework.orchestration.detached import layers_behind, start_detached

    for flag, asked_for in (
        ("--dry-run", options.dry_run),
        ("--pdb", options.pdb),
        ("-s", options.no_capture),
    ):
        if asked_for:
            raise UserError(
                f"{flag} needs this terminal, and a run in the background has none", f"leave out {flag}"
            )
    layers = layers_behind(load_settings(root, options.env))
    words = host_words(argv)
    if options.background_timeout:
        words[:0] = ["--run-timeout", f"{options.background_timeout}m"]
    return start_detached(root, layers, words)


def host_words(argv: Sequence[str]) -> list[str]:
    """The starter's words without those that are its own."""
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            return [*kept, word, *words]
        name, separator, _ = word.partition("=")
        if name == "--background-e2e" or word == "run":
            continue
        if name in VALUED:
            if not separator:
                next(words, None)
            continue
        kept.append(word)
    return kept


def _tell_runs(root: Path, options: argparse.Namespace) -> int:
    from test_framework.records.background import FINISHED, LOST, background_runs

    rows = background_runs(root)
    if options.background_results:
        rows = [row for row in rows if row["state"] in (FINISHED, LOST)][: options.background_results]
    if options.progress_mode == "json":
        import json

        sys.stdout.write(json.dumps({"background": rows}, separators=(",", ":")) + "\n")
        return 0
    lines = [text for row in rows for text in _row_lines(row, fully=bool(options.background_results))]
    sys.stdout.write("\n".join(["BACKGROUND RUNS", *(lines or ["none"])]) + "\n")
    return 0


def _row_lines(row: dict[str, Any], *, fully: bool) -> list[str]:
    layers = ", ".join(map(str, row["layers"]))
    head = f"{row['run']}  {row['state']:<9} {layers}"
    state = row["state"]
    if state == "running":
        done = "collecting" if row["planned"] is None else f"{row['finished']} of {row['planned']} tests"
        left = row.get("seconds_left")
        more = f", about {left:.0f} s left" if left else ""
        return [f"{head}: {done}, {row.get('seconds', 0):.0f} s so far{more}"]
    if state == "finished":
        found = [f"{head}: {row['verdict']} (exit {row['exit_code']}) in {row['seconds'] or 0:.1f} s"]
        if fully:
            counts = ", ".join(f"{count} {word}" for word, count in (row["outcomes"] or {}).items())
            owed = sum((row["owed"] or {}).values())
            found.append(f"  {counts or 'no test'}; {owed} owed; {row['directory']}")
        return found
    if state == "lost":
        return [f"{head}: its host died without a verdict; what it printed: {row['log']}"]
    return [head]


def attach(root: Path, options: argparse.Namespace) -> int:
    """Follow a run from its first fact to its last; its exit code (14 where its host died)."""
    import asyncio

    from test_framework.orchestration.detached import find_run

    directory = find_run(root, options.attach)
    try:
        return asyncio.run(_follow(directory, options))
    except KeyboardInterrupt:
        sys.stderr.write(f"\napex: no longer following; {directory.name} goes on\n")
        return 0


async def _follow(directory: Path, options: argparse.Namespace) -> int:
    import asyncio

    from test_framework.core.run_state import RunState
    from test_framework.core.verdict import Rules, judge
    from test_framework.model.outcome import ExitCode, Verdict
    from test_framework.orchestration.progress_streaming_agent import ProgressStreamingAgent
    from test_framework.records.following import Follower

    mode = options.progress_mode or ("console" if sys.stdout.isatty() else "simple")
    agent = ProgressStreamingAgent(mode, verbose=options.verbose, live=True)
    state, follower = RunState(run=directory.name), Follower(directory)
    agent.start()
    while state.finished is None:
        alive = follower.alive()
        facts = follower.read()
        for stamped in facts:
            _take(stamped, state, agent)
        agent.tick(state)
        if not facts and not alive:
            break
        await asyncio.sleep(0 if facts else LOOK_EVERY_SECONDS)
    finished = state.finished
    if finished is None:
        verdict = judge(state, Rules(host_died=True))
    else:
        verdict = Verdict(ExitCode(finished.exit_code), finished.reasons, state.ledger())
    await agent.close(state, verdict)
    return int(verdict.exit_code)


def _take(stamped: Stamped, state: RunState, agent: Any) -> None:
    state.apply(stamped.fact, stamped.elapsed)
    agent.handle(stamped, state)
