"""The exact command lines that are compared, and the environment they run in.

Rules: the baseline is `python -m pytest`, never the `pytest` script; all contenders run in the suite's
directory with the same paths and the same environment, from which pytest's, our own and virtualenv's
variables are removed.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.suites import HERE, REPOSITORY, Prepared

if TYPE_CHECKING:
    from pathlib import Path

RECORDER = "apex_benchmark_recorder"
"""Name under which `recorder.py` lies in a suite's environment."""

_DROPPED_PREFIXES = ("PYTEST", "APEX", "PYTHON", "COVERAGE", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Options:
    """What may differ between two measurements; the same for every contender of one."""

    processes: int
    ours_options: tuple[str, ...] = ()
    """added to our own command line, before `--`"""
    split_algorithm: str = "duration_based_chunks"
    cache_provider: bool = True


def usable_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def environment() -> dict[str, str]:
    """The user's environment without what would steer Python, pytest or our tool."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_DROPPED_PREFIXES)}


def _pytest(prepared: Prepared, options: Options | None) -> list[str]:
    argv = [str(prepared.python), "-m", "pytest"]
    if options is not None and not options.cache_provider:
        argv += ["-p", "no:cacheprovider"]
    return argv


def collect_only(prepared: Prepared, options: Options | None = None) -> list[str]:
    return [*_pytest(prepared, options), "--collect-only", "-q", *prepared.suite.paths]


def serial(prepared: Prepared, options: Options | None = None) -> list[str]:
    return [*_pytest(prepared, options), *prepared.suite.paths]


def recorded(prepared: Prepared, record: Path, options: Options | None = None) -> list[str]:
    """Plain serial pytest that also writes each report to `record`."""
    install_recorder(prepared)
    extra = ["-p", RECORDER, f"--apex-benchmark-record={record}"]
    return [*_pytest(prepared, options), *extra, *prepared.suite.paths]


def xdist(prepared: Prepared, options: Options) -> list[str]:
    return [*_pytest(prepared, options), "-n", str(options.processes), *prepared.suite.paths]


def store_durations(prepared: Prepared, options: Options) -> list[str]:
    """One serial run in which pytest-split learns how long each test takes."""
    extra = ["--store-durations", "--clean-durations", f"--durations-path={durations_file(prepared)}"]
    return [*_pytest(prepared, options), *extra, *prepared.suite.paths]


def split(prepared: Prepared, options: Options) -> list[list[str]]:
    """As many plain pytest processes as there are processors, each with its share of the tests."""
    common = [
        f"--splits={options.processes}",
        f"--durations-path={durations_file(prepared)}",
        f"--splitting-algorithm={options.split_algorithm}",
    ]
    groups = range(1, options.processes + 1)
    return [
        [*_pytest(prepared, options), *common, f"--group={group}", *prepared.suite.paths] for group in groups
    ]


def durations_file(prepared: Prepared) -> Path:
    return prepared.home / "split-durations.json"


def ours(prepared: Prepared, options: Options, *flags: str) -> list[str]:
    """Our own command on the suite, in the interpreter that runs these benchmarks."""
    argv = [
        *our_command(),
        "--project-root",
        str(prepared.source),
        "--python",
        str(prepared.python),
        "--fail-fast-mode",
        "disabled",
        *flags,
        *options.ours_options,
    ]
    if options.processes != usable_processors():
        argv += ["-n", str(options.processes)]
    passed_on = [] if options.cache_provider else ["-p", "no:cacheprovider"]
    return [*argv, "--", *passed_on, *prepared.suite.paths]


def our_command() -> list[str]:
    return [sys.executable, str(REPOSITORY / "unified_test_runner.py")]


def install_recorder(prepared: Prepared) -> None:
    """Put the recorder into the suite's environment, where every interpreter option finds it."""
    target = next((prepared.home / "venv" / "lib").glob("python3*")) / "site-packages" / f"{RECORDER}.py"
    source = HERE / "recorder.py"
    if not target.is_file() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)
