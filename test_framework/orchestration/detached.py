"""Starts a run that belongs to nobody's terminal, and ends one.

Rules: the host is this same program in a session of its own, without a terminal, its output in a file; it has a keeper
like every run. Only a process that still holds the run's lock and names the run in its command line is told anything.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from test_framework.core.settings import Settings
from test_framework.engine.processes import open_process
from test_framework.model.errors import UserError
from test_framework.model.outcome import ExitCode
from test_framework.records.background import FINISHED, LOST, RUNNING, background_runs, keep_started
from test_framework.records.places import run_directories
from test_framework.records.runs import new_run_id

HOST_FLAG = "--background-host"
"""hidden: this process is the host of the background run of that id"""
PATIENCE_SECONDS = 20.0
"""until the host holds its lock, or has ended"""
GENTLE_SECONDS = 15.0
"""beside the grace of the lanes, until a host that was told to end is killed"""
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_ENTRY = "import sys; sys.path[0] = sys.argv.pop(1); from test_framework.cli.main import entry; entry()"


def layers_behind(settings: Settings) -> tuple[str, ...]:
    """The layers of the mode `background`, else those that are configured to run there. Raises `UserError` for none."""
    if not settings.execution.background_enabled:
        raise UserError(
            "background runs are switched off (execution_config.background_execution.enabled is false)",
            "switch them on, or run the layers in the foreground: --layers NAME",
        )
    named = settings.modes.get("background") or settings.execution.background_layers
    found = tuple(name for name in named if name in settings.layers)
    found = found or tuple(layer.id for layer in settings.layers.values() if layer.background)
    if not found:
        raise UserError(
            "no layer of this project belongs in the background", "set background_execution: true"
        )
    return found


def layers_before(settings: Settings) -> tuple[str, ...]:
    """The layers of the mode `hybrid` that run in the foreground. Raises `UserError` for none."""
    behind = layers_behind(settings)
    found = tuple(n for n in settings.modes.get("hybrid", ()) if n in settings.layers and n not in behind)
    if not found:
        raise UserError("the mode hybrid has no layer for the foreground here", "configure modes.hybrid")
    return found


def start_detached(project_root: Path, layers: Sequence[str], arguments: Sequence[str]) -> str:
    """Start the layers as a run of their own; its id. `arguments`: the command's other flags.

    Returns once the run is on its way. Raises `UserError` where it ended before that.
    """
    run = new_run_id()
    own = ["--project-root", str(project_root), "--layers", *layers, HOST_FLAG, run]
    cut = list(arguments).index("--") if "--" in arguments else len(arguments)
    words = [*arguments[:cut], *own, "--progress-mode", "simple", *arguments[cut:]]
    try:
        log = keep_started(project_root, run, layers, words)
    except OSError as problem:
        raise UserError(
            f"a background run cannot be recorded: {problem}", "make the project writable", ExitCode.USAGE
        ) from problem
    command = [sys.executable, "-c", _ENTRY, str(PACKAGE_ROOT), *words]
    with log.open("wb") as output:
        log.chmod(0o600)
        host = subprocess.Popen(
            command, cwd=project_root, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )  # fmt: skip
    _wait_on_its_way(host, project_root, run, log)
    return run


def _wait_on_its_way(host: subprocess.Popen[bytes], project_root: Path, run: str, log: Path) -> None:
    """Until the run holds its lock; `UserError` where its host has ended without a run."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        directory = _directory(project_root, run)
        if directory is not None and (directory / "facts.jsonl").exists():
            host.returncode = (
                host.returncode if host.returncode is not None else 0
            )  # it is init's from now on
            return
        with suppress(subprocess.TimeoutExpired):
            code = host.wait(0.02)
            if _directory(project_root, run) is not None:
                return
            said = log.read_text("utf-8", "replace").strip()
            log.unlink(missing_ok=True)
            log.with_suffix(".json").unlink(missing_ok=True)
            what = said.removeprefix("apex: error: ") or f"the host ended with exit status {code}"
            raise UserError(what, "", ExitCode(code) if code in set(ExitCode) else ExitCode.INTERNAL_ERROR)
    raise UserError(
        f"the background run {run} has not begun within {PATIENCE_SECONDS:.0f} s", f"look into {log}"
    )


def end_detached(project_root: Path, run: str) -> str:
    """End a background run: gently, then with force; in words what came of it. Raises `UserError` for an unknown id."""
    rows = {row["run"]: row for row in background_runs(project_root)}
    if run not in rows:
        known = ", ".join(list(rows)[:5]) or "none"
        raise UserError(f"no background run is called {run}", f"known: {known}")
    state = rows[run]["state"]
    if state == FINISHED:
        return f"{run} has ended already: {rows[run]['verdict']}"
    if state == LOST:
        return f"{run} is lost: its host died"
    pid = rows[run].get("pid") if state == RUNNING else None
    pidfd = _host(int(pid), run) if pid else -1
    if pidfd < 0:
        return f"{run} has ended already"
    try:
        for number, seconds in ((signal.SIGTERM, GENTLE_SECONDS), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, number)
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            if poll.poll(seconds * 1000):
                break
    finally:
        os.close(pidfd)
    gentle = number is signal.SIGTERM
    return f"{run} was stopped" if gentle else f"{run} did not end by itself and was killed"


def _host(pid: int, run: str) -> int:
    """A pidfd of the run's host, -1 where that process is somebody else or gone."""
    pidfd = open_process(pid)
    if pidfd < 0:
        return -1
    with suppress(OSError):
        words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
        if HOST_FLAG.encode() in words and run.encode() in words:
            return pidfd
    os.close(pidfd)
    return -1


def _directory(project_root: Path, run: str) -> Path | None:
    return next((path for path in run_directories(project_root) if path.name == run), None)


def find_run(project_root: Path, run: str) -> Path:
    """The directory of a recorded run, in the background or not. Raises `UserError` for an unknown id."""
    found = _directory(project_root, run)
    if found is None:
        newest = ", ".join(path.name for path in run_directories(project_root)[:5]) or "none"
        raise UserError(f"no run is called {run}", f"the newest: {newest}")
    return found
