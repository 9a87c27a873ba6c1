"""Which public suites are measured, and where a prepared one lies.

Rules: a suite is pinned by the digest of its sdist and by its file in `pins/`; each (suite, interpreter)
pair has a source tree and a virtual environment of its own, so that no run sees another's files.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
VERSIONS = ("3.13", "3.12", "3.11")
"""Interpreters that are measured when none is named."""


class BenchmarkError(Exception):
    """Something the person at the keyboard can mend; its text is one line."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A public project's own tests, taken from its sdist."""

    name: str
    distribution: str
    version: str
    sdist: str
    sha256: str
    paths: tuple[str, ...]
    tests: dict[str, int]
    """how many tests plain pytest runs, by interpreter version"""

    @property
    def pins(self) -> Path:
        return HERE / "pins" / f"{self.name}.txt"

    @property
    def requirement(self) -> str:
        return f"{self.distribution}=={self.version}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A suite that is ready to run under one interpreter."""

    suite: Suite
    version: str
    """interpreter, major.minor"""
    home: Path

    @property
    def name(self) -> str:
        return f"{self.suite.name} ({self.version})"

    @property
    def source(self) -> Path:
        return self.home / "source"

    @property
    def python(self) -> Path:
        return self.home / "venv" / "bin" / "python"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def stamp(self) -> Path:
        return self.home / "prepared.json"


def load_suites(names: Iterable[str] = ()) -> tuple[Suite, ...]:
    """The suites of `suites.json`, or the named ones. Raises `BenchmarkError` for an unknown name."""
    rows = json.loads((HERE / "suites.json").read_text(encoding="utf-8"))
    wanted = tuple(names) or tuple(rows)
    unknown = [name for name in wanted if name not in rows]
    if unknown:
        raise BenchmarkError(f"unknown suite {unknown[0]!r}; there are: {', '.join(rows)}")
    return tuple(Suite(name=name, **{**rows[name], "paths": tuple(rows[name]["paths"])}) for name in wanted)


def default_work() -> Path:
    """Where suites are kept when nobody says otherwise: the user's cache directory."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "apex-benchmarks"


def place(work: Path, suite: Suite, version: str) -> Prepared:
    """Where a suite lies (or will lie) for an interpreter of that version."""
    return Prepared(suite=suite, version=version, home=work / f"{suite.name}-{suite.version}-py{version}")


def find_prepared(work: Path, names: Iterable[str], version: str) -> tuple[Prepared, ...]:
    """Prepared suites for one interpreter version; raises `BenchmarkError` where one is missing."""
    found = tuple(place(work, suite, version) for suite in load_suites(names))
    for each in found:
        if not each.stamp.is_file():
            raise BenchmarkError(
                f"{each.name} is not prepared in {work}; run: python -m benchmarks prepare --work {work}"
            )
    return found
