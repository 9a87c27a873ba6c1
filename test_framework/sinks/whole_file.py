"""Files that are there in full or not at all: written beside their place, flushed to disk, then renamed.

Rules: a link is followed; what is no regular file (`/dev/null`, a pipe) is written to, never replaced; a
failure leaves nothing behind and raises `OSError`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes its place at `path` when the block ends well; missing folders are made."""
    place = Path(os.path.realpath(path))
    if is_special(place):
        with open(place, "wb") as stream:
            yield stream
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name[:100]}.{os.getpid()}.new")
    try:
        with open(draft, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, place)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(place.parent)


def writable(path: Path) -> None:
    """Raise `OSError` now if a file at `path` could not be written later; makes its folder."""
    place = Path(os.path.realpath(path))
    if is_special(place):
        return
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_special(place: Path) -> bool:
    """Something at that path that is neither file nor folder, such as a device or a pipe."""
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
