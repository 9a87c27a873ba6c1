"""Follows a run's file while it grows: whole lines only, in order, each once."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from test_framework.model.facts import Stamped
from test_framework.model.wire import WireError, decode
from test_framework.records.places import is_alive

PIECE = 1 << 20
"""bytes that are read at once, so that whoever follows has the loop now and then"""


class Follower:
    """Reads the facts of one run from the first on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: BinaryIO | None = None
        self._torn = b""

    def alive(self) -> bool:
        """Whether more may come. Ask before `read`: what a host wrote last is there once it is dead."""
        return is_alive(self._directory)

    def read(self) -> list[Stamped]:
        """The facts that were written since; damaged lines are left out. Raises OSError."""
        if self._file is None:
            try:
                self._file = open(self._directory / "facts.jsonl", "rb")  # noqa: SIM115 - it stays open
            except FileNotFoundError:
                return []
        *lines, self._torn = (self._torn + self._file.read(PIECE)).split(b"\n")
        found = []
        for line in lines:
            try:
                found.append(decode(line))
            except (WireError, ValueError, TypeError):
                continue
        return found

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
