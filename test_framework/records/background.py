"""Which runs were started in the background, and what became of each: read from files, never from memory.

Rules: one file a run in `.apex/background/`, written before its host is started; whether a run lives is asked of its
lock, never of a process number. One whose host is gone without a verdict is lost, also after the machine was restarted.
"""

from __future__ import annotations

import json
import os
import time

from test_framework.records.overview import ended, living
from test_framework.records.places import RUN_ID, base_of, is_alive, run_directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

FOLDER = "background"
STARTING_SECONDS = 30.0
"""how long a host may take until it has a directory and a lock"""
RUNNING, STARTING, FINISHED, LOST = "running", "starting", "finished", "lost"


def keep_started(project_root: Path, run: str, layers: Sequence[str], arguments: Sequence[str]) -> Path:
    """Write down that a run is about to be started; returns where its host's output goes. Raises OSError."""
    from test_framework.records.runs import make_private

    base = base_of(project_root)
    make_private(base)
    folder = base / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    about = {"run": run, "layers": list(layers), "arguments": list(arguments), "asked_at": time.time()}
    descriptor = os.open(folder / f"{run}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(about, file)
    return folder / f"{run}.log"


def background_runs(project_root: Path) -> list[dict[str, Any]]:
    """All of them, newest first: run, state, layers, and what is known of how far it is or how it ended."""
    directories = {path.name: path for path in run_directories(project_root)}
    folder = base_of(project_root) / FOLDER
    try:
        names = sorted((name for name in os.listdir(folder) if name.endswith(".json")), reverse=True)
    except OSError:
        return []
    found = []
    for name in names:
        run = name.removesuffix(".json")
        if not RUN_ID.match(run):
            continue
        about = _read(folder / name)
        layers = about.get("layers")
        row = {
            "run": run,
            "layers": layers if isinstance(layers, list) else [],
            "log": str(folder / f"{run}.log"),
        }
        found.append({**row, **_state(directories.get(run), about)})
    return found


def _state(directory: Path | None, about: dict[str, Any]) -> dict[str, Any]:
    if directory is None:
        asked = about.get("asked_at")
        young = isinstance(asked, int | float) and 0 <= time.time() - asked < STARTING_SECONDS
        return {"state": STARTING if young else LOST}
    if is_alive(directory):
        return {"state": RUNNING, **living(directory), **_pace(directory)}
    result = ended(directory)
    if result is None:
        return {"state": LOST, "directory": str(directory)}
    told = ("exit_code", "verdict", "started_at", "seconds", "ledger", "owed", "outcomes", "reasons")
    return {"state": FINISHED, "directory": str(directory), **{key: result.get(key) for key in told}}


def _pace(directory: Path) -> dict[str, Any]:
    """Seconds that a living run has had, and may still need, by its own estimate."""
    elapsed, estimate = 0.0, None
    try:
        with open(directory / "facts.jsonl", "rb") as file:
            for line in file:
                if b'"type":"run.planned"' in line[:256]:
                    estimate = json.loads(line).get("estimate_seconds")
                    break
            elapsed = time.time() - os.stat(directory / "lock").st_mtime
    except (OSError, ValueError):
        return {}
    left = None if estimate is None else round(max(0.0, float(estimate) - elapsed), 1)
    return {"seconds": round(max(0.0, elapsed), 1), "seconds_left": left}


def _read(file: Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
