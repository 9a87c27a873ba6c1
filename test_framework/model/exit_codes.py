"""The exit codes of the command, apart from all other words: a mistake is answered without importing those."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command: 0-6 are pytest's own, 10 and above are ours."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    USAGE = 4
    NO_TESTS = 5
    WARNINGS = 6
    OWED = 10
    GATE = 11
    ENVIRONMENT = 12
    BUDGET = 13
    INCOMPLETE = 14
