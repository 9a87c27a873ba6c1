"""Python's garbage collector: rarely run while tests are collected, and what was collected taken out of its sight.

Rules: whoever asks the collector what it knows (`gc.get_objects`, `gc.get_referrers`) gets the answer that it would
have given without us: everything is put back into its sight first, and the functions asked are the real ones (a Python
function in their place would be a frame more, and the coroutine that calls it a referrer more). Frozen objects are not
looked at again by the collections of many lanes, which also keeps their memory shared.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

COLLECT_THRESHOLD = 100_000
ASKING = ("get_objects", "get_referrers")

_thaw = gc.unfreeze


class Garbage:
    """The tuning of one process and of its lanes; does nothing where it is not wanted."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._frozen = False
        self._threshold = gc.get_threshold()
        self._hidden: dict[str, Any] = {}

    def collecting_tests(self) -> None:
        """Tests are about to be collected: many objects, hardly any garbage."""
        if self._wanted:
            gc.set_threshold(COLLECT_THRESHOLD, 50, 50)
            module: Any = gc
            for name in ASKING:
                self._hidden[name] = getattr(module, name)
                delattr(module, name)
            module.__getattr__ = self._asked_for
            _stop_when_nothing_is_found()

    def running_tests(self) -> None:
        """Tests are collected, and run as the project means them to.

        Not sooner: the first collection of garbage would look through all that was made while tests were collected.
        What the project has set in the meantime stays.
        """
        if self._wanted and gc.get_threshold()[0] == COLLECT_THRESHOLD:
            gc.set_threshold(*self._threshold)

    def forking(self) -> None:
        """A lane is about to be forked."""
        if self._frozen:
            return
        self._frozen = True
        if self._hidden:
            gc.freeze()
        self.running_tests()

    def ending(self) -> None:
        """No lane will be forked any more: each has looked through all that was there before it."""
        if self._wanted:
            gc.freeze()

    def _asked_for(self, name: str) -> Any:
        """Somebody takes one of the functions that ask: from now on nothing is frozen, and all is as it was."""
        if name not in self._hidden:
            raise AttributeError(f"module 'gc' has no attribute {name!r}")
        found = self._hidden[name]
        module: Any = gc
        vars(module).update(self._hidden)
        del module.__getattr__
        self._hidden.clear()
        _thaw()
        return found


def _stop_when_nothing_is_found() -> None:
    """pytest (_pytest.unraisableexception, since 8.4) collects garbage five times when a session ends: the same sooner.

    What finds nothing has changed nothing, so that the next collection would find nothing either.
    """
    module: Any = sys.modules.get("_pytest.unraisableexception")
    if not hasattr(module, "gc_collect_harder"):
        return

    def collect(iterations: int) -> None:
        for _ in range(iterations):
            if not gc.collect():
                return

    module.gc_collect_harder = collect
