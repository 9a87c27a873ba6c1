"""What the bodies of tests leave changed in their process, undone where pytest's order ends.

Rules: directory, signal handlers and mask, timer, wake-up descriptor. Within a file tests find what the ones before
left, as in pytest; when a lane goes on with another file, which pytest might have run earlier, what bodies left is
undone. What fixtures do is theirs to undo.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGCHLD,
    signal.SIGALRM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGPIPE,
)
_getcwd, _getsignal, _sigmask = os.getcwd, signal.getsignal, signal.pthread_sigmask
_getitimer, _set_wakeup_fd = signal.getitimer, signal.set_wakeup_fd

State = tuple[Any, ...]
"""directory (None: it is gone), mask, whether a timer runs, wake-up descriptor, handlers of the signals"""
_HANDLERS = 4


def process_state() -> State:
    """What a test's body may leave changed."""
    try:
        directory = _getcwd()
    except OSError:
        directory = None
    wakeup = _set_wakeup_fd(-1)
    if wakeup != -1:
        _set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    mask, timed = _sigmask(signal.SIG_BLOCK, ()), _getitimer(signal.ITIMER_REAL)[0] > 0
    return directory, mask, timed, wakeup, *[_getsignal(number) for number in _SIGNALS]


def restore(wanted: State) -> None:
    """Bring about a state, as far as that is possible."""
    now = process_state()
    directory, mask, timed, wakeup = wanted[:_HANDLERS]
    if directory not in (None, now[0]):
        with suppress(OSError):  # somebody removed it: there is nothing to go back to
            os.chdir(directory)
    for number, handler in zip(_SIGNALS, wanted[_HANDLERS:], strict=True):
        if handler is not None and _getsignal(number) is not handler:
            signal.signal(number, handler)
    if now[1] != mask:
        _sigmask(signal.SIG_SETMASK, mask)
    if now[2] and not timed:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if now[3] != wakeup:
        _set_wakeup_fd(wakeup)


class Leftovers:
    """Follows what the bodies of one file's tests leave."""

    def __init__(self) -> None:
        self._file = ""
        self._before: State = ()
        self._first: State = ()
        """the state without what bodies left, where they left something"""
        self._left: State = ()

    def about_to_run(self, nodeid: str) -> None:
        """The next test begins: undo what is left where it is of another file."""
        file = nodeid.partition("::")[0]
        if file != self._file:
            self._file = file
            if self._first:
                restore(self._without_leftovers(process_state()))
                self._first = ()

    def body_begins(self) -> None:
        """The body of a test is about to run."""
        self._before = process_state()
        if self._first:
            self._first = self._without_leftovers(self._before)

    def body_over(self) -> None:
        """It has run."""
        after = process_state()
        if self._first or after != self._before:
            self._first, self._left = self._first or self._before, after

    def _without_leftovers(self, now: State) -> State:
        """What would be, had no body left anything: what has changed since was the doing of fixtures, and stays."""
        return tuple(
            first if each == left else each
            for first, left, each in zip(self._first, self._left, now, strict=True)
        )
