"""The terminal reporter: silenced where we show, never removed; what plug-ins print into its summary is kept.

Rules: where that part of pytest is absent or has changed shape nothing is done.
"""

from __future__ import annotations

import io
from typing import Any

OWN_SUMMARY = (
    "summary_errors",
    "summary_failures",
    "summary_xfailures",
    "summary_xpasses",
    "summary_warnings",
    "summary_passes",
    "short_test_summary",
    "summary_stats",
)


class Summary(io.TextIOBase):
    """Stands where the terminal was; keeps text only while it is told to."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.keep = False
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        if self.keep:
            self._parts.append(text)
        return len(text)

    def isatty(self) -> bool:
        return False

    def text(self) -> str:
        return "".join(self._parts)


def silence_terminal(config: Any, summary: Summary) -> None:
    """Point pytest's terminal reporter at `summary`; its own part of the summary is ours to show."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    writer = config.get_terminal_writer()
    writer._file = summary
    writer.hasmarkup = False
    for name in OWN_SUMMARY:
        if hasattr(reporter, name):
            setattr(reporter, name, _nothing)


def _nothing(*_arguments: Any, **_named: Any) -> None:
    return None
