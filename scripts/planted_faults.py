"""Tests the core's tests: plants one fault after another in a copy of the core and runs its tests on it.

    python scripts/planted_faults.py [--jobs N] [WORDS OF A FAULT'S NAME]

Rules: a fault that no test notices is an error of the tests (exit status 1); so is one that no longer fits
the source, and a copy without any fault whose tests do not pass. The tests run derandomised, with few
examples.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.core.planted_faults.faults import Fault

REPOSITORY = Path(__file__).resolve().parent.parent
CORE_TESTS = Path("tests/unit/core")
FAULTS = REPOSITORY / CORE_TESTS / "planted_faults" / "faults.py"
EXAMPLES = "100"
LIMIT_SECONDS = 120
QUICK_FIRST = (
    "test_fail_fast.py",
    "test_selection.py",
    "test_pattern.py",
    "test_ordering.py",
    "test_leaving_out.py",
    "test_planning.py",
    "test_admission.py",
    "test_stages.py",
    "test_course.py",
    "test_windows.py",
    "test_verdict.py",
    "test_run_state.py",
    "test_scheduler_examples.py",
    "test_side_by_side.py",
    "test_chains.py",
    "test_scheduler_properties.py",
    "test_fail_fast_properties.py",
    "test_programmes_run.py",
    "test_sharding.py",
    "test_splitting.py",
    "test_choice.py",
    "test_budgets.py",
    "test_ranking.py",
    "test_expectation.py",
    "../model/test_wire.py",
)


def load_faults() -> tuple[Fault, ...]:
    """The list, read by its path: this script needs no installed package."""
    spec = importlib.util.spec_from_file_location("planted_faults_list", FAULTS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found: tuple[Fault, ...] = module.FAULTS
    return found


def copy_core(to: Path) -> None:
    """The packages that the core's tests need, and these tests, as they are."""
    ignore = shutil.ignore_patterns("__pycache__", ".hypothesis")
    for part in ("test_framework/core", "test_framework/model", CORE_TESTS, "tests/unit/model"):
        shutil.copytree(REPOSITORY / part, to / part, ignore=ignore)
    shutil.copy(REPOSITORY / "test_framework/__init__.py", to / "test_framework/__init__.py")
    shutil.copy(REPOSITORY / "pyproject.toml", to / "pyproject.toml")


def plant(fault: Fault, where: Path) -> str:
    """Change the copy; returns what is wrong with the fault itself, or ''."""
    path = where / "test_framework" / fault.file
    source = path.read_text(encoding="utf-8")
    count = source.count(fault.old)
    if count != 1:
        return f"does not fit: its text stands {count} times in {fault.file}"
    path.write_text(source.replace(fault.old, fault.new), encoding="utf-8")
    return ""


def run_tests(where: Path, about: str = "") -> tuple[int, str]:
    """Exit status of pytest on the copy, and the name of the test that failed first.

    The tests that are called after the module `about` come first, since they are the likeliest to notice.
    Bytecode is kept beside the sources, so that a copy of the copy compiles nothing but the planted fault.
    """
    likely = f"test_{about}" if about else "-"
    names = sorted(QUICK_FIRST, key=lambda name: not name.startswith(likely))
    tests = [str(CORE_TESTS / name) for name in names]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    environment = dict(os.environ, APEX_CORE_EXAMPLES=EXAMPLES)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        environment.pop(name, None)
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=where,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f"(no end within {LIMIT_SECONDS} s)"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    words = failed[0].split(" - ")[0] if failed else done.stdout[-500:]
    return done.returncode, words.rpartition("::")[2] or words


def try_sound(core: Path) -> tuple[bool, str]:
    """Whether the tests pass on the copy without a fault, and a line about it."""
    status, words = run_tests(core)
    return status == 0, "sound    the core as it is" + (f": {words}" if status else "")


def try_fault(fault: Fault, core: Path) -> tuple[bool, str]:
    """Whether the fault is caught, planted in a copy of the sound `core`, and a line about it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        where = Path(folder) / "core"
        shutil.copytree(core, where, ignore=shutil.ignore_patterns(".hypothesis"))
        problem = plant(fault, where)
        if problem:
            return False, f"UNFIT    {fault.name}: {problem}"
        status, words = run_tests(where, Path(fault.file).stem)
    seconds = time.monotonic() - began
    if status == 0:
        return False, f"MISSED   {fault.name}"
    if status != 1:
        return False, f"UNCLEAR  {fault.name}: pytest ended with {status}: {words}"
    return True, f"caught   {fault.name}  <- {words} ({seconds:.1f} s)"


def main() -> int:
    """Try the sound core, then every fault (or those whose name holds the given words)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    faults = [fault for fault in load_faults() if all(word in fault.name for word in arguments.words)]
    began, bad = time.monotonic(), 0
    with (
        tempfile.TemporaryDirectory(prefix="sound-") as sound,
        ThreadPoolExecutor(max_workers=arguments.jobs) as pool,
    ):
        core = Path(sound)
        copy_core(core)
        results = [iter([try_sound(core)]), pool.map(partial(try_fault, core=core), faults)]
        for well, line in chain.from_iterable(results):
            print(line, flush=True)
            bad += not well
    print(f"{len(faults)} faults planted, {bad} problems, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
