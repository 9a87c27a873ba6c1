"""Fixed ports: a test that needs a port which another lane of this run holds waits for it.

Rules: plain pytest runs one test at a time, so a port that a sibling lane holds would be free; a port that this process
or a stranger holds is taken there too. After a short patience the test is broken off and marked, and judged again when
no other lane runs. Only `bind` and `listen` of `socket.socket` are replaced, and they differ only where they fail.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .channel import monotonic, own_pid

PATIENCE_SECONDS = 1.0
"""how long a lane waits for a port that a sibling's test may release soon; a session fixture's will not be"""
RETRY_MILLISECONDS = 10
UNLISTED_SECONDS = 0.03
"""the kernel lists a socket only once it listens: how long it may take from `bind` to that"""
TABLES = {socket.SOCK_STREAM: ("tcp", "tcp6"), socket.SOCK_DGRAM: ("udp", "udp6")}

_open, _read, _close, _listdir, _readlink = os.open, os.read, os.close, os.listdir, os.readlink
_parent, _poll = os.getppid, select.poll


def watch_ports(lost: Callable[[int], None]) -> None:
    """From now on wait for a port that a sibling holds; `lost` hears of one that it does not give back."""
    taken: Any = socket.socket
    plain_bind, plain_listen = taken.bind, taken.listen
    hopeless: set[int] = set()

    def patiently(self: socket.socket, do: Callable[[], None], address_of: Callable[[], Any]) -> None:
        __tracebackhide__ = True
        began = monotonic()
        while True:
            try:
                do()
            except OSError as problem:
                port = _port(self, address_of()) if problem.errno == errno.EADDRINUSE else 0
                waited = monotonic() - began
                if not port or not _is_sibling_s(TABLES[self.type], port, waited):
                    raise
                if port in hopeless or waited > PATIENCE_SECONDS:
                    hopeless.add(port)
                    lost(port)
                    raise
            else:
                return
            _poll().poll(RETRY_MILLISECONDS)

    def bind(self: socket.socket, address: Any, /) -> None:
        """Bind the socket to a local address."""
        __tracebackhide__ = True
        patiently(self, lambda: plain_bind(self, address), lambda: address)

    def listen(self: socket.socket, *backlog: int) -> None:
        """Enable a server to accept connections."""
        __tracebackhide__ = True
        patiently(self, lambda: plain_listen(self, *backlog), self.getsockname)

    taken.bind, taken.listen = bind, listen


def _port(self: socket.socket, address: Any) -> int:
    if self.family not in (socket.AF_INET, socket.AF_INET6) or self.type not in TABLES:
        return 0
    if not isinstance(address, tuple):
        return 0
    return address[1] if len(address) > 1 and isinstance(address[1], int) else 0


def _is_sibling_s(tables: tuple[str, ...], port: int, waited: float) -> bool:
    """Whether another child of this process's parent has a socket with that local port, and this process has none."""
    sockets = {f"socket:[{inode}]" for table in tables for inode in _inodes(table, port)}
    if not sockets:
        return waited < UNLISTED_SECONDS
    me = own_pid()
    if sockets & _links(me):
        return False
    return any(sockets & _links(pid) for pid in _children(_parent()) if pid != me)


def _inodes(table: str, port: int) -> list[str]:
    """Inodes of the sockets that a table of the kernel lists with this local port (proc(5), /proc/net/tcp)."""
    wanted = f":{port:04X}"
    rows = [line.split() for line in _content(f"/proc/net/{table}").splitlines()[1:]]
    return [row[9] for row in rows if len(row) > 9 and row[1].endswith(wanted) and row[9] != "0"]


def _children(pid: int) -> list[int]:
    return [int(word) for word in _content(f"/proc/{pid}/task/{pid}/children").split()]


def _links(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):  # it has ended, or is not ours to look at
        for name in _listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # closed meanwhile
                found.add(_readlink(f"/proc/{pid}/fd/{name}"))
    return found


def _content(path: str) -> str:
    try:
        fd = _open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        parts = []
        while part := _read(fd, 1 << 16):
            parts.append(part)
    finally:
        _close(fd)
    return b"".join(parts).decode("ascii", "replace")
