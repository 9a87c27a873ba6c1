"""`python -m benchmarks.soak`: planted faults by the thousand, in batches that are kept and continued another time.

Rules: one line of `results/soak.jsonl` is one batch, of the seed's order of mutants, which never changes; a batch that
was broken off leaves no line. A line says which code decided (a digest of what records and proves), so that the table
can tell what today's code was tried on. Exit 0 where no test was missed, 1 where one was.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import machine, mutations
from benchmarks.mutations import RecordedCopy, Tally
from benchmarks.page import Page
from benchmarks.prepare import say_on_stderr
from benchmarks.suites import HERE, VERSIONS, BenchmarkError, default_work, find_prepared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RESULTS = HERE / "results" / "soak.jsonl"
SEED = 1
BATCH = 20
GOAL = 500
"""mutants a suite"""
DECIDING = (
    "core/proof.py", "core/fingerprint.py", "core/memory.py", "core/chains.py", "records/present.py",
    "records/dependency_file.py", "records/dependencies.py", "records/sources.py", "engine/inside/*.py",
)  # fmt: skip
SUMS = ("mutants", "run", "biting", "failures", "asked", "spared", "unstable")


def deciding_code() -> str:
    """A digest of the modules that record what tests depend on and decide what is proven."""
    package, digest = HERE.parent / "test_framework", sha256()
    for pattern in DECIDING:
        for file in sorted(package.glob(pattern)):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def kept(file: Path = RESULTS) -> list[dict[str, Any]]:
    """The batches so far, oldest first."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def tried(batches: Iterable[dict[str, Any]], suite: str) -> int:
    """How many mutants of the seed's order are behind us."""
    return max((each["first"] + each["mutants"] for each in batches if each["suite"] == suite), default=0)


def summed(batches: Sequence[dict[str, Any]]) -> list[Tally]:
    """One tally for each suite, in the order in which they were first tried."""
    tallies: dict[str, Tally] = {}
    for batch in batches:
        tally = tallies.setdefault(batch["suite"], Tally(batch["suite"]))
        tally.tests, tally.provable = batch["tests"], batch["provable"]
        for name in SUMS:
            setattr(tally, name, getattr(tally, name) + batch[name])
        tally.misses += batch["misses"]
    return list(tallies.values())


def all_of(tallies: Sequence[Tally]) -> Tally:
    """Their sum."""
    whole = Tally("all")
    for tally in tallies:
        whole.tests += tally.tests
        whole.provable += tally.provable
        for name in SUMS:
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
        whole.misses += tally.misses
    return whole


def keep(tally: Tally, first: int, version: str) -> None:
    """Append one batch, in one write."""
    line = {
        **asdict(tally), "first": first, "seed": SEED, "python": version, "code": deciding_code(),
        "commit": _commit(), "date": machine.today(), "machine": machine.slug(),
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    descriptor = os.open(RESULTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    with open(descriptor, "wb") as file:
        file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def soak(minutes: float, names: Sequence[str], version: str, work: Path, goal: int) -> None:
    """Try batches, of the suite that has had the fewest, until the time is up or every suite has had enough."""
    end = time.monotonic() + 60 * minutes
    suites = {prepared.name: prepared for prepared in find_prepared(work, names, version)}
    copies: dict[str, RecordedCopy] = {}
    while time.monotonic() < end:
        batches = kept()
        name = min(suites, key=lambda each: tried(batches, each))
        first = tried(batches, name)
        if first >= goal:
            return
        if name not in copies:
            copies[name] = RecordedCopy(suites[name])
            copies[name].record()
        chosen = copies[name].sample(first + BATCH, SEED)[first:]
        if not chosen:
            raise BenchmarkError(f"{name} has no more than {first} places for a fault")
        tally = copies[name].try_these(chosen)
        keep(tally, first, version)
        say_on_stderr(f"{name}: {first + len(chosen)} faults, {len(tally.misses)} of these {BATCH} missed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="how long to go on (60); 0: only the table"
    )
    parser.add_argument("--suite", action="append", default=[], metavar="NAME", help="only this; repeatable")
    parser.add_argument("--goal", type=int, default=GOAL, help=f"faults a suite ({GOAL})")
    parser.add_argument("--python", default=VERSIONS[0], help=f"of the suites ({VERSIONS[0]})")
    parser.add_argument("--work", type=Path, default=default_work(), metavar="DIR")
    arguments = parser.parse_args()
    soak(arguments.minutes, arguments.suite, arguments.python, arguments.work.resolve(), arguments.goal)
    batches = kept()
    if not batches:
        raise SystemExit("nothing was tried yet")
    page = Page()
    page.heading(f"Planted faults, seed {SEED}, {batches[0]['date']} to {batches[-1]['date']}")
    tallies = summed(batches)
    mutations.show(page, [*tallies, all_of(tallies)])
    today = sum(each["mutants"] for each in batches if each["code"] == deciding_code())
    page.line(f"{today} of them were decided by the code as it is now.")
    for tally in tallies:
        for miss in tally.misses:
            page.line(f"- missed: {miss}")
    return 1 if any(tally.misses for tally in tallies) else 0


if __name__ == "__main__":
    raise SystemExit(main())
