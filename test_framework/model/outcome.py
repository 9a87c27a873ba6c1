"""How tests and runs end: every ending has a name of its own.

Rules: an outcome is never translated into a milder one, and the reason to stop a run only rises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from test_framework.model.exit_codes import ExitCode as ExitCode  # noqa: PLC0414 - one of these words, kept apart for speed


class Outcome(StrEnum):
    """How one attempt of one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    OOM = "oom"
    LOST = "lost"
    NOT_RUN = "not_run"


BAD = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT, Outcome.CRASHED, Outcome.OOM})
"""Outcomes that make the run's exit code 1."""

UNPROVEN = frozenset({Outcome.LOST, Outcome.NOT_RUN})
"""Outcomes that tell nothing about the test: it stays owed."""


class Blame(StrEnum):
    """Who caused an outcome that is not a pass."""

    TEST = "test"
    ENVIRONMENT = "environment"
    ENGINE = "engine"
    USER = "user"


class StopReason(IntEnum):
    """Why a run stops early. A run's reason may rise, never fall."""

    COLLECTION_ERRORS = 10
    FAILURES = 20
    TEST_REQUEST = 30
    BUDGET = 40
    SIGNAL = 50
    INTERRUPT = 60
    SECOND_INTERRUPT = 70
    INTERNAL_ERROR = 80


EXIT_PRECEDENCE = (3, 2, 1, 12, 13, 11, 10, 14, 6, 5, 4, 0)
"""When several codes apply, the one that stands first wins (4 never competes with a run that started)."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The account of a run: executed + proven + owed = collected, always."""

    collected: int = 0
    executed: int = 0
    proven: int = 0
    owed: int = 0

    def balances(self) -> bool:
        return self.executed + self.proven + self.owed == self.collected


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one judgement of a run."""

    exit_code: ExitCode
    reasons: tuple[str, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def green(self) -> bool:
        return self.exit_code is ExitCode.OK
