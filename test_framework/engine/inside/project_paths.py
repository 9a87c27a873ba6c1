"""Which files are the project's: its code and data are dependencies, the interpreter's and installed packages' are not.

Rules: paths inside the root are told relative to it, others absolute; what nobody installed is the project's, wherever
it lies; caches and our own directory are nobody's dependency.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from typing import Any

CACHES = frozenset({".apex", "__pycache__", ".pytest_cache", ".hypothesis"})
SYSTEM = ("/proc/", "/dev/", "/sys/")
OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep

_isabs, _lexists, _normpath, _join, _getcwd, _fsdecode = (
    os.path.isabs,
    os.path.lexists,
    os.path.normpath,
    os.path.join,
    os.getcwd,
    os.fsdecode,
)


class ProjectPaths:
    """The paths of one project as its interpreter sees them."""

    def __init__(self, root: str) -> None:
        self.root = os.path.join(root, "")
        paths = sysconfig.get_paths()
        library = {paths["stdlib"], paths["platstdlib"]}
        packages = {paths["purelib"], paths["platlib"], *site.getsitepackages(), site.getusersitepackages()}
        if os.path.exists(os.path.join(sys.prefix, "pyvenv.cfg")):
            packages.add(sys.prefix)
        self.packages = self._directories(packages)
        self.library = self._directories(library)
        foreign = self.library + self.packages
        self._foreign = foreign if OWN.startswith(self.root) else (*foreign, OWN)
        self._is_library: dict[str, bool] = {}

    def _directories(self, names: set[str]) -> tuple[str, ...]:
        """With their real names, each ending in a separator; those that hold the project itself left out."""
        found = {os.path.join(each, "") for name in names for each in (name, os.path.realpath(name))}
        return tuple(sorted(each for each in found if not self.root.startswith(each)))

    def absolute(self, path: Any) -> str | None:
        """The path as an absolute, normal one; None where it is no path (a descriptor, garbage)."""
        if isinstance(path, int) or path is None:
            return None
        try:
            text = _fsdecode(path)
            return _normpath(text if _isabs(text) else _join(_getcwd(), text))
        except (TypeError, ValueError, OSError):
            return None

    def told(self, path: str) -> str | None:
        """How an absolute path of the project is told; None where it is not the project's."""
        if path.startswith(self._foreign) or path.startswith(SYSTEM):
            return None
        if path.startswith(self.root):
            path = path[len(self.root) :]
        elif path == self.root[:-1]:
            return "."
        return None if "__pycache__" in path or not CACHES.isdisjoint(path.split(os.sep)) else path

    def code(self, filename: str) -> str | None:
        """How the file of a code object is told; None for generated code and for what is not the project's.

        Imports give absolute names; a relative one that is no file was made up by a program that compiles text, and
        follows from what that program ran and read.
        """
        if filename[:1] == "<" or not (_isabs(filename) or _lexists(filename)):
            return None
        path = self.absolute(filename)
        return None if path is None else self.told(path)

    def is_library(self, filename: str) -> bool:
        """Whether a code object is the standard library's."""
        known = self._is_library.get(filename)
        if known is None:
            if filename[:1] == "<":
                known = filename.startswith("<frozen ")
            else:
                known = filename.startswith(self.library) and not filename.startswith(self.packages)
            self._is_library[filename] = known
        return known
