"""Python's garbage collector: rarely run while tests are collected, and what was collected taken out of its sight.

Rules: whoever asks the collector what it knows (`gc.get_objects`, `gc.get_referrers`) gets the answer that it would
have given without us: everything is put back into its sight first. Frozen objects are not looked at again by the
collections of many lanes, which also keeps their memory shared.
"""

from __future__ import annotations

import functools
import gc
from typing import Any

COLLECT_THRESHOLD = 100_000

_thaw = gc.unfreeze


class Garbage:
    """The tuning of one process and of its lanes; does nothing where it is not wanted."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._frozen = False
        self._threshold = gc.get_threshold()

    def collecting_tests(self) -> None:
        """Tests are about to be collected: many objects, hardly any garbage."""
        if self._wanted:
            gc.set_threshold(COLLECT_THRESHOLD, 50, 50)
            module: Any = gc
            module.get_objects = _thawing(gc.get_objects)
            module.get_referrers = _thawing(gc.get_referrers)

    def running_tests(self) -> None:
        """Tests are collected, and run as the project means them to."""
        if self._wanted:
            gc.set_threshold(*self._threshold)

    def forking(self) -> None:
        """The first lane is about to be forked."""
        if self._wanted and not self._frozen:
            self._frozen = True
            gc.freeze()


def _thawing(ask: Any) -> Any:
    @functools.wraps(ask)
    def answer(*arguments: Any, **named: Any) -> Any:
        _thaw()
        found = ask(*arguments, **named)
        return [each for each in found if each is not arguments and each is not named]

    return answer
