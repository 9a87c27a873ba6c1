"""The page on which figures appear: plain Markdown, shown at once and kept for `--save`.

Rules: what is shown is what is saved, byte for byte; a cell without a figure shows "-".
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Page:
    """Collects Markdown and shows it as it comes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._lines: list[str] = []

    def line(self, text: str = "") -> None:
        self._lines.append(text)
        self._stream.write(text + "\n")
        self._stream.flush()

    def heading(self, text: str) -> None:
        self.line(f"\n## {text}\n")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A Markdown table whose columns are also straight in a terminal."""
        for text in render_table(header, rows):
            self.line(text)
        self.line()

    def save(self, path: Path) -> None:
        """Write all that was shown to a file, making its directory."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(self._lines).strip() + "\n", encoding="utf-8")


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; every row must be as long as the header."""
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"row of {len(row)} cells under a header of {len(header)}: {row}")
    widths = [max(3, *(len(row[column]) for row in [header, *rows])) for column in range(len(header))]
    lines = [_render(header, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    return lines + [_render(row, widths) for row in rows]


def _render(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
