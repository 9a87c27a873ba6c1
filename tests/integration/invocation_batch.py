"""Runs many command lines of ours, each in a process of its own, without paying for the same imports each time.

    python invocation_batch.py PLAN.json RESULTS.json

PLAN: [{"argv": [...], "cwd": DIR, "out": DIR}, ...]. A child is forked for each after everything that a run imports
was imported; it calls `main(argv)` exactly as the installed command does. stdout and stderr go to files in `out`;
RESULTS: the exit codes in the same order (-N: ended by signal N).
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 60.0
"""how long one command may take"""


def prepare() -> None:
    """Import what a run imports; nothing may be started or opened here, for the children share it."""
    sys.path.insert(0, str(REPOSITORY))
    import test_framework.cli.answers
    import test_framework.cli.completion
    import test_framework.cli.main
    import test_framework.cli.run
    import test_framework.cli.terminal
    import test_framework.orchestration.master_orchestration_controller
    import test_framework.orchestration.plan_text
    import test_framework.sinks.console
    import test_framework.sinks.jsonl
    import test_framework.sinks.junit
    import test_framework.sinks.result
    import test_framework.sinks.summary  # noqa: F401

    gc.collect()
    gc.freeze()  # the children shall not copy what they only share


def start(row: dict[str, object]) -> int:
    """Fork one command; its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 99
    try:
        out = Path(str(row["out"]))
        os.setsid()
        os.chdir(str(row["cwd"]))
        for fd, name, flags in (
            (0, "/dev/null", os.O_RDONLY),
            (1, out / "stdout", 577),
            (2, out / "stderr", 577),
        ):
            opened = os.open(name, flags, 0o600)
            os.dup2(opened, fd)
            os.close(opened)
        sys.argv[0] = "apex"
        from test_framework.cli.main import main

        status = main([str(word) for word in row["argv"]])  # type: ignore[attr-defined]
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - whatever it is, the row shall fail with it
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def main(plan: Path, results: Path) -> None:
    rows = json.loads(plan.read_text())
    codes: list[int | None] = [None] * len(rows)
    prepare()
    running: dict[int, tuple[int, float]] = {}
    waiting = list(range(len(rows)))[::-1]
    lanes = max(2, len(os.sched_getaffinity(0)))
    while waiting or running:
        while waiting and len(running) < lanes:
            number = waiting.pop()
            running[start(rows[number])] = (number, time.monotonic() + SECONDS)
        pid, status = os.waitpid(-1, 0)
        if pid in running:
            codes[running.pop(pid)[0]] = os.waitstatus_to_exitcode(status)
    results.write_text(json.dumps(codes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
