"""Fetches the suites and makes them ready: source, virtual environment, pinned test dependencies.

Rules: only names and versions are asked for (which registry answers is pip's own configuration); an sdist
whose digest is not the pinned one is refused; every pinned dependency is installed by hash; the stamp is
written last, so that a preparation that was cut off is done again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmarks import commands
from benchmarks.suites import BenchmarkError, Prepared, Suite, place

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.interpreters import Interpreter

Say = Callable[[str], None]


def prepare(work: Path, suites: Sequence[Suite], interpreters: Sequence[Interpreter], say: Say) -> None:
    """Make every suite ready for every interpreter; what is ready already is left alone."""
    work.mkdir(parents=True, exist_ok=True)
    for suite in suites:
        for interpreter in interpreters:
            prepared = place(work, suite, interpreter.version)
            wanted = _fingerprint(suite, interpreter)
            if _read_stamp(prepared) == wanted:
                say(f"{prepared.name}: ready in {prepared.home}")
                continue
            say(f"{prepared.name}: preparing with {interpreter.executable}")
            archive = _fetch(work, suite, interpreter)
            _build(prepared, archive, interpreter)
            count = _count_tests(prepared)
            expected = suite.tests.get(interpreter.version)
            if expected is not None and expected != count:
                raise BenchmarkError(f"{prepared.name}: {count} tests collected, {expected} expected")
            prepared.stamp.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
            say(f"{prepared.name}: {count} tests collected, ready in {prepared.home}")


def _fingerprint(suite: Suite, interpreter: Interpreter) -> dict[str, str]:
    return {
        "sdist": suite.sha256,
        "pins": hashlib.sha256(suite.pins.read_bytes()).hexdigest(),
        "python": interpreter.full_version,
    }


def _read_stamp(prepared: Prepared) -> object:
    try:
        return json.loads(prepared.stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _fetch(work: Path, suite: Suite, interpreter: Interpreter) -> Path:
    """The verified sdist, downloaded when it is not there yet."""
    downloads = work / "downloads"
    downloads.mkdir(exist_ok=True)
    archive = downloads / suite.sdist
    if not archive.is_file():
        _run(
            [
                str(interpreter.executable),
                "-m",
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--no-binary",
                suite.distribution,
                "--dest",
                str(downloads),
                suite.requirement,
            ],
            cwd=work,
        )
    if not archive.is_file():
        raise BenchmarkError(f"pip brought no {suite.sdist} into {downloads}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != suite.sha256:
        raise BenchmarkError(f"{archive} has sha256 {digest}, pinned is {suite.sha256}: refused")
    return archive


def _build(prepared: Prepared, archive: Path, interpreter: Interpreter) -> None:
    if prepared.home.exists():
        shutil.rmtree(prepared.home)
    prepared.home.mkdir(parents=True)
    prepared.logs.mkdir()
    unpacked = prepared.home / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    (top,) = unpacked.iterdir()
    top.rename(prepared.source)
    unpacked.rmdir()
    _run([str(interpreter.executable), "-m", "venv", str(prepared.home / "venv")], cwd=prepared.home)
    pip = [str(prepared.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "-r", str(prepared.suite.pins)], cwd=prepared.home)
    _run([*pip, "--no-deps", "--editable", "."], cwd=prepared.source)
    # Byte code is written now, so that no contender of the first round pays for the others.
    _run(
        [str(prepared.python), "-m", "compileall", "-q", str(prepared.home / "venv" / "lib")],
        cwd=prepared.home,
        check=False,
    )


def _count_tests(prepared: Prepared) -> int:
    answer = subprocess.run(
        commands.collect_only(prepared),
        cwd=prepared.source,
        env=commands.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise BenchmarkError(
            f"{prepared.name}: collection failed: {_last_lines(answer.stdout + answer.stderr)}"
        )
    return sum("::" in line for line in answer.stdout.splitlines())


def _run(argv: Sequence[str], *, cwd: Path, check: bool = True) -> None:
    answer = subprocess.run(
        argv,
        cwd=cwd,
        env=commands.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check and answer.returncode:
        raise BenchmarkError(
            f"`{' '.join(argv)}` ended with {answer.returncode}: {_last_lines(answer.stdout)}"
        )


def _last_lines(text: str, count: int = 5) -> str:
    return " | ".join(text.strip().splitlines()[-count:])


def say_on_stderr(text: str) -> None:
    """Progress is no result: it goes to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
