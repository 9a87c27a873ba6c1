"""`--orchestration-status`: what is true now, read from disk and from live runs.

Rules: answers within a tenth of a second, also where the configuration is broken (it says so); nothing is remembered
between two questions.
"""

from __future__ import annotations

import sys

from test_framework import __version__
from test_framework.cli.catalogue import RULE
from test_framework.records.overview import overview

MOST_TREES = 3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any


def status(root: Path, environment: str, layers: Sequence[str], degraded: Sequence[str]) -> dict[str, Any]:
    """One JSON object: versions, what runs now, the last run, last verdicts by layer, what is owed and degraded."""
    seen = overview(root, list(layers))
    last = seen["last"] or {}
    troubles = list(degraded)
    if lost := seen["lost"]:
        runs = "1 run" if len(lost) == 1 else f"{len(lost)} runs"
        troubles.append(f"{runs} ended without a verdict, last {lost[0]['run']}")
    troubles += [f"last run: {message}" for message in last.get("alerts") or ()]
    troubles += [f"last run: {sink}: {message}" for sink, message in (last.get("broken_sinks") or {}).items()]
    return {
        "project_root": str(root),
        "environment": environment,
        "versions": {"apex": __version__, "python": sys.version.split()[0]},
        "running": seen["running"],
        "last_run": {
            key: last.get(key)
            for key in ("run", "mode", "started_at", "seconds", "exit_code", "verdict", "ledger")
        }
        if last
        else None,
        "layers": seen["layers"],
        "owed": _owed(last),
        "verified_to": next((each for each in seen["trees"] if each["verified"]), None),
        "trees": seen["trees"],
        "degraded": troubles,
    }


def _owed(last: Mapping[str, Any]) -> dict[str, int]:
    owed = last.get("owed")
    return owed if isinstance(owed, dict) else {}


def _verified_to(found: Mapping[str, Any]) -> str:
    """The newest state of the project of which every test has passed or is proven."""
    newest = found["verified_to"]
    if newest is None:
        return "nothing yet" if found["trees"] else "unknown (git tells states of the project apart)"
    return f"{newest['name']} (all {newest['tests']} tests passed or are proven)"


def status_lines(found: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    versions = found["versions"]
    lines = ["ORCHESTRATION STATUS", RULE]
    lines.append(f"project   {found['project_root']} ({found['environment']})")
    lines.append(f"versions  apex {versions['apex']}, Python {versions['python']}")
    lines += ["", "Running now"]
    for run in found["running"]:
        tests = "collecting" if run["planned"] is None else f"{run['finished']} of {run['planned']} tests"
        lines.append(
            f"  {run['run']}  {run['mode']}, process {run['pid']}: {tests}, since {run['started_at']}"
        )
    if not found["running"]:
        lines.append("  nothing")
    lines += ["", "Last verdicts"]
    last = found["last_run"]
    if last:
        lines.append(
            f"  {'last run':<22} {last['verdict']} (exit {last['exit_code']}), {last['mode']}, {last['run']}"
        )
    else:
        lines.append("  no run has ended here yet")
    for layer, verdict in found["layers"].items():
        if verdict is None:
            lines.append(f"  {layer:<22} never run here")
            continue
        counts = f"{verdict['done']} of {verdict['tests']} tests, {verdict['failed']} failed"
        reason = f" ({verdict['reason']})" if verdict["reason"] else ""
        lines.append(f"  {layer:<22} {verdict['status']}{reason}, {counts}, {verdict['run']}")
    owed = found["owed"]
    lines += ["", f"Owed after the last run: {sum(owed.values())}"]
    lines += [f"  {count:>6}  {ascii(reason)[1:-1]}" for reason, count in owed.items()]
    lines += ["", f"Verified to: {_verified_to(found)}"]
    for each in found["trees"][:MOST_TREES]:
        others = "" if each["whole"] else ", others were not collected"
        if not each["verified"]:
            lines.append(f"  {each['name']:<22} {each['owed']} of {each['tests']} tests owed{others}")
    lines += ["", "Degraded"]
    lines += [f"  {ascii(trouble)[1:-1]}" for trouble in found["degraded"]] or ["  nothing"]
    return lines
