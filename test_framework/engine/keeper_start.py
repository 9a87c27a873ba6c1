"""Starts the run's first program, then becomes the keeper.

Run as `python -I -S keeper_start.py CONTROL_FD DIRECTORY TERMINAL PROGRAM ...` with the program's stdin, stdout,
stderr and control socket as descriptors 3-6. Rules: the program is started before anything heavy is imported, because
the whole run waits for it.
"""

from __future__ import annotations

import os
import sys

FIRST_FDS = (3, 4, 5, 6)
PR_SET_CHILD_SUBREAPER = 36


def start_first() -> int:
    """Fork and exec the program named in our own arguments; returns its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            if sys.argv[3] != "terminal":
                os.setsid()
            os.chdir(sys.argv[2])
            os.close(int(sys.argv[1]))
            for place, fd in enumerate(FIRST_FDS):
                os.dup2(fd, place, inheritable=True)
            for fd in FIRST_FDS[1:]:
                os.close(fd)
            os.execv(sys.argv[4], sys.argv[4:])
        except BaseException as problem:  # noqa: BLE001 - a child must end here, whatever happened
            os.write(2, f"apex: cannot start {sys.argv[4]}: {problem}\n".encode())
        finally:
            os._exit(127)
    for fd in FIRST_FDS:
        os.close(fd)
    return pid


def become_subreaper() -> None:
    """From now on orphans of the run become our children: before anything else, since the program runs already."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    first = start_first()
    become_subreaper()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from importlib import import_module

    import_module("keeper").keep(int(sys.argv[1]), first)
    os._exit(0)
