"""Which environment variables were read: a dictionary in the place where `os.environ` keeps its values.

Rules: `os.environ` stays the object and the class that it is. A variable counts where its value is still the one that
this process was started with: what the project itself has set is its code's doing. Nobody but the project and its
packages counts as a reader: not pytest, not we, and not what only saves the environment to restore it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

EVERYTHING = "*"
"""the name that stands for the whole environment, where it was gone through"""
OURS = ("APEX_", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_", "PYTEST_VERSION")
"""names that begin so are set by the tool or by pytest and tell nothing of the environment"""
_OURS = tuple(name.encode() for name in OURS)
ALWAYS = ("LANG", "LANGUAGE", "TMPDIR", "TZ")
ALWAYS_PREFIXES = ("LC_", "PYTHON")
"""read by C code, or by Python before anybody could see it"""
SAVERS = frozenset({"_patch_dict", "_unpatch_dict", "copy"})
"""functions of unittest.mock that copy the environment in order to put it back"""

_dict_get = dict.__getitem__
_dict_has = dict.__contains__
_dict_iter = dict.__iter__


def digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def digest_of_everything(environment: dict[bytes, bytes]) -> str:
    """Of all variables but ours: `name=value` sorted, joined with NUL."""
    rows = sorted(b"%s=%s" % pair for pair in environment.items() if not pair[0].startswith(_OURS))
    return digest(b"\0".join(rows))


class _Observed(dict[bytes, bytes]):
    """The values of `os.environ`, telling which are read."""

    __slots__ = ("read",)
    read: Callable[[bytes], None]

    def __getitem__(self, key: bytes) -> bytes:
        self.read(key)
        return _dict_get(self, key)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, bytes):
            self.read(key)
        return _dict_has(self, key)

    def __iter__(self) -> Iterator[bytes]:
        self.read(b"*")
        return _dict_iter(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of the environment is a plain one."""
        self.read(b"*")
        return dict, (list(self.items()),)


class Variables:
    """The reads of one process; in a lane it goes on with what was read before the fork."""

    def __init__(self, counts: Callable[[Any], bool]) -> None:
        """`counts(frame)` says whether the reader, found from that frame outwards, is the project or its packages."""
        self._counts = counts
        self._began: dict[bytes, bytes] = {}
        self._seen: set[bytes] = set()
        self._found: list[tuple[str, str | None]] = []
        self._values: _Observed | None = None

    def start(self) -> None:
        """Begin: take the place of the dictionary that holds the values."""
        environ: Any = os.environ
        self._began = dict(environ._data)
        self._values = _Observed(environ._data)
        self._values.read = self._read
        environ._data = self._values
        environb: Any = os.environb
        environb._data = self._values
        present = [name for name in os.environ if name.startswith(ALWAYS_PREFIXES)]
        self._seen.clear()
        self._found.clear()
        for name in sorted({*ALWAYS, "PYTHONPATH", "PYTHONHASHSEED", *present}):
            self._note(os.fsencode(name))

    def take(self) -> list[tuple[str, str | None]]:
        """(name, SHA-256 of its value or None) of what was read since this was last asked."""
        found, self._found = self._found, []
        return found

    def _read(self, key: bytes) -> None:
        if key in self._seen or key.startswith(_OURS):
            return
        frame = sys._getframe(2)
        if not self._counts(frame) or _saves(frame):
            return
        if key != b"*" and self._values is not None:
            now = _dict_get(self._values, key) if _dict_has(self._values, key) else None
            if now != self._began.get(key):
                return
        self._note(key)

    def _note(self, key: bytes) -> None:
        self._seen.add(key)
        if key == b"*":
            self._found.append((EVERYTHING, digest_of_everything(self._began)))
            return
        value = self._began.get(key)
        self._found.append((os.fsdecode(key), None if value is None else digest(value)))


def _saves(frame: Any) -> bool:
    """Whether unittest.mock only looks in order to restore."""
    while frame is not None and frame.f_globals.get("__name__") in ("os", "_collections_abc"):
        frame = frame.f_back
    return (
        frame is not None
        and frame.f_globals.get("__name__") == "unittest.mock"
        and frame.f_code.co_name in SAVERS
    )
