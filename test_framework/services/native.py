"""Any configured program as a service of this machine, and what all native services share.

Rules: a port is free when it is given out, on the loopback only; a port that somebody else holds is named with its
holder and never taken for ours. A program that ends before it is ready is told with the last it printed.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from test_framework.core.service_needs import word_of
from test_framework.core.settings import ServiceSettings
from test_framework.services import probes
from test_framework.services.provider import LOOPBACK, Launch, Place, Probe, Program, Service, ServiceError

TRIES = 3
"""starts with another port when somebody was faster"""
ASK_EVERY_SECONDS = 0.02
LAST_LINES = 20


def free_port() -> int:
    """A port of the loopback that nobody holds now."""
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        port: int = found.getsockname()[1]
        return port


def holder_of(port: int) -> str:
    """Who listens on a TCP port, as far as /proc tells; '' where nobody does."""
    wanted = f":{port:04X} "
    inodes = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            rows = Path("/proc/net", table).read_text("ascii").splitlines()[1:]
            inodes |= {row.split()[9] for row in rows if wanted in row[:50] and row.split()[3] == "0A"}
    if not inodes:
        return ""
    links = {f"socket:[{inode}]" for inode in inodes}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            descriptors = Path("/proc", pid, "fd")
            if any(os.readlink(descriptors / fd) in links for fd in os.listdir(descriptors)):
                name = Path("/proc", pid, "comm").read_text("utf-8").strip()
                return f"{name} (pid {pid})"
    return "a process of somebody else"


def last_lines(log: Path) -> str:
    """What a program printed last."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8000))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LAST_LINES:])


async def wait_ready(name: str, program: Program, probe: Probe, seconds: float, log: Path) -> None:
    """Wait until the probe is content. Raises `ServiceError` with the evidence when it ends or takes too long."""
    until = time.monotonic() + seconds
    while why := await probe():
        ended = program.ended()
        if ended or time.monotonic() > until:
            what = (
                f"it ended before it was ready ({ended})"
                if ended
                else f"not ready after {seconds:g} s: {why}"
            )
            printed = last_lines(log)
            raise ServiceError(f"{name}: {what}" + (f"; it printed last:\n{printed}" if printed else ""))
        await asyncio.sleep(ASK_EVERY_SECONDS)


async def start_command(spec: ServiceSettings, place: Place, launch: Launch) -> Service:
    """Any program that is configured, and ready as its configuration says.

    `{port}` in its words and in the values of `env` stands for a free port; without it the configured one must be free.
    """
    host, port, url = endpoint(spec.health_check_endpoint)
    template = [*spec.command, *spec.env.values()]
    if any("{port}" in word for word in template):
        host, port = LOOPBACK, free_port()
        url = re.sub(r"(//[^/:]+)(:\d+)?", rf"\1:{port}", url) if url else ""
    elif port and (holder := holder_of(port)):
        raise ServiceError(
            f"{spec.name}: port {port} is taken by {holder}; end that, or write {{port}} into the command"
        )
    argv = [word.replace("{port}", str(port)) for word in spec.command]
    own = {name: value.replace("{port}", str(port)) for name, value in spec.env.items()}
    argv[0] = program_path(argv[0], f"check service_dependencies.{spec.name}.command")
    environment = {**place.environment, **own, **({"PORT": str(port)} if port else {})}
    program = launch(argv, environment, place.project_root, place.log)

    async def probe() -> str:
        if why := program.ended():
            return f"it has ended ({why})"
        if spec.health_check_command:
            return await probes.command(spec.health_check_command, environment, place.project_root)
        if url:
            return await probes.http(url)
        return await probes.tcp(host, port) if port else ""

    try:
        await wait_ready(spec.name, program, probe, spec.startup_timeout_seconds, place.log)
    except BaseException:
        await program.stop(signal.SIGTERM, 2.0)
        raise
    word = word_of(spec.name)
    variables = {} if not port else {
        f"{word}_URL": f"http://{host}:{port}", f"{word}_HOST": host, f"{word}_PORT": str(port),
    }  # fmt: skip
    return Service(
        spec.name, "native", f"{host}:{port}" if port else "", variables, probe, program, log=place.log
    )


def endpoint(text: str) -> tuple[str, int, str]:
    """(host, port, URL) of a configured health check: host:port, host:port/path or a URL; '' and 0 where not told."""
    if not text:
        return LOOPBACK, 0, ""
    url = text if "://" in text else f"http://{text}" if "/" in text else ""
    rest = text.partition("://")[2] or text
    host, _, port = rest.partition("/")[0].partition(":")
    default = 443 if text.startswith("https:") else 80 if url else 0
    return host or LOOPBACK, int(port) if port.isdigit() else default, url


def program_path(name: str, hint: str) -> str:
    """Where a program lies. Raises `ServiceError` with the hint where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise ServiceError(f"{name} is not installed: {hint}")
    return found
