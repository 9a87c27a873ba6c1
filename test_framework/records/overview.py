"""What the runs' directories say at a glance: who lives, how runs ended, what each category was last seen to do.

Rules: lines are picked by their type before any is parsed, so that a run of 100,000 tests is read in time; a file that
is missing, torn or damaged tells nothing, it is never an error. Shapes are plain JSON values.
"""

from __future__ import annotations

import json
import os

from test_framework.records.places import base_of, is_alive, run_directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

_PIECE = 1 << 22
_TAIL = 1 << 18


def overview(project_root: Path, layers: list[str]) -> dict[str, Any]:
    """{"running": [...], "lost": [...], "last": run or None, "layers": {id: last verdict or None}, "trees": [...]}.

    A run is lost when it ended without a verdict. Older runs are read until every layer has been seen.
    """
    running: list[dict[str, Any]] = []
    lost: list[dict[str, Any]] = []
    last: dict[str, Any] | None = None
    verdicts: dict[str, dict[str, Any] | None] = dict.fromkeys(layers)
    for path in run_directories(project_root):
        if is_alive(path):
            running.append(living(path))
            continue
        result = ended(path)
        if result is None:
            lost.append({"run": path.name})
            continue
        last = last or result
        for layer in result.get("layers") or ():
            if verdicts.get(layer["layer"], layer) is None:
                verdicts[layer["layer"]] = {
                    "run": path.name,
                    "at": result.get("started_at", ""),
                    **{
                        key: layer.get(key)
                        for key in ("status", "reason", "tests", "done", "failed", "seconds")
                    },
                }
        if all(verdicts.values()):
            break
    seen = trees(base_of(project_root))
    return {"running": running, "lost": lost, "last": last, "layers": verdicts, "trees": seen}


def trees(base: Path) -> list[dict[str, Any]]:
    """What is owed of each state of the project that runs have seen, newest first: the head of `ledger.json`."""
    try:
        with open(base / "ledger.json", "rb") as file:
            about = json.loads(file.readline())
        if about["version"] != 1:
            return []
        return [
            {
                "name": name,
                "tree": tree,
                "run": run,
                "verified": bool(whole) and not owed,
                "whole": bool(whole),
                "tests": tests,
                "owed": owed,
            }
            for name, tree, _, _, run, whole, tests, owed in reversed(about["trees"])
        ]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def ended(path: Path) -> dict[str, Any] | None:
    """The result of a run that is over; what its facts say where the file with the result is missing."""
    try:
        result = json.loads((path / "result.json").read_bytes())
        if isinstance(result, dict) and isinstance(result.get("exit_code"), int):
            return result
    except (OSError, ValueError):
        pass  # the facts are the truth; that file is only quicker to read
    finished = _last_fact(path / "facts.jsonl", b"run.finished")
    return None if finished is None else {**finished, "layers": [], "started_at": finished.get("ts", "")}


def living(path: Path) -> dict[str, Any]:
    """A run that goes on: who, since when (RFC 3339), and how many tests have ended of how many."""
    facts = path / "facts.jsonl"
    started: dict[str, Any] = {}
    planned: dict[str, Any] = {}
    try:
        with open(facts, "rb") as file:
            started = _fact(file.readline())
            for line in file:
                if b'"type":"run.planned"' in line:
                    planned = _fact(line)
                    break
                if b'"type":"layer.started"' in line:
                    break
    except OSError:
        pass  # the lock says that it lives; it has not written yet
    return {
        "run": path.name,
        "pid": _pid(path),
        "mode": started.get("mode", ""),
        "started_at": started.get("ts", ""),
        "planned": planned.get("planned"),
        "finished": _count(facts, b'"type":"test.finished"'),
    }


def _pid(path: Path) -> int | None:
    try:
        return int((path / "lock").read_bytes())
    except (OSError, ValueError):
        return None


def _count(path: Path, needle: bytes) -> int:
    """How often `needle` stands in a file, read piece by piece."""
    found, kept = 0, b""
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                data = kept + piece
                found += data.count(needle)
                cut = data.rfind(b"\n") + 1
                found -= data[cut:].count(needle)
                kept = data[cut:]
    except OSError:
        return 0
    return found


def _last_fact(path: Path, kind: bytes) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().splitlines()
    except OSError:
        return None
    mark = b'"type":"%s"' % kind
    return next((fact for line in reversed(lines) if mark in line and (fact := _fact(line))), None)


def _fact(line: bytes) -> dict[str, Any]:
    try:
        fact = json.loads(line)
    except ValueError:
        return {}
    return fact if isinstance(fact, dict) else {}
