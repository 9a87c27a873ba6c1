"""How much memory this process has held at most, as the operating system keeps it.

Rules: the mark only rises, so what a test needed is known when it raised the mark; a forked process begins with what
it holds then. Processes that a test starts are not counted.
"""

from __future__ import annotations

import sys
from resource import RUSAGE_SELF, getrusage

LEAST_BYTES = 1 << 20
"""A smaller rise says nothing about a test."""
_UNIT = 1 if sys.platform == "darwin" else 1024
"""bytes of `ru_maxrss`: getrusage(2)"""


def high_water() -> int:
    """Bytes of resident memory, at most, since this process began."""
    return getrusage(RUSAGE_SELF).ru_maxrss * _UNIT


def raised(before: int) -> int:
    """The mark, where it has risen notably from `before`; else 0."""
    now = high_water()
    return now if now - before >= LEAST_BYTES else 0
