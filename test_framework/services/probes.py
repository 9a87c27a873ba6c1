"""Is a service ready? Each question is put to the service itself, and has a time limit of its own.

Rules: an open port is not an answer: HTTP has to say a status below 400, Redis PONG to our password, a command has to
end with 0. Nothing raises; what is wrong is told in words.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

PROBE_SECONDS = 2.0
"""how long one question may take"""


async def tcp(host: str, port: int) -> str:
    """Whether somebody accepts connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), PROBE_SECONDS)
    except (OSError, TimeoutError) as problem:
        return f"no connection to {host}:{port}: {_words(problem)}"
    await _close(writer)
    return ""


async def http(url: str) -> str:
    """Whether GET is answered with a status below 400."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "localhost", parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            context = ssl.create_default_context() if secure else None
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            status = (await reader.readline()).decode("latin-1").strip()
            await _close(writer)
    except (OSError, TimeoutError, ValueError) as problem:
        return f"{url} does not answer: {_words(problem)}"
    code = status.split(" ")[1:2]
    if code and code[0].isdigit() and int(code[0]) < 400:
        return ""
    return f"{url} answers {status[:100] or 'nothing'}"


async def redis(host: str, port: int, password: str = "") -> str:
    """Whether PING is answered with PONG, after AUTH where there is a password."""
    words = [f"AUTH {password}\r\n"] if password else []
    answer = ""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            for word in (*words, "PING\r\n"):
                writer.write(word.encode())
                answer = (await reader.readline()).decode("latin-1").strip()
            await _close(writer)
    except (OSError, TimeoutError) as problem:
        return f"no answer from {host}:{port}: {_words(problem)}"
    return "" if answer == "+PONG" else f"{host}:{port} answers {answer[:100] or 'nothing'} to PING"


async def command(
    argv: Sequence[str], environment: Mapping[str, str], directory: Path, seconds: float = 5.0
) -> str:
    """Whether a program ends with 0; it is killed after `seconds`."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=directory, env=dict(environment), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
    except OSError as problem:
        return f"{argv[0]} cannot be run: {problem.strerror or problem}"
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        return f"{argv[0]} did not end within {seconds:g} s"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode == 0:
        return ""
    last = output.decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"{argv[0]} ended with {process.returncode}" + (f": {last[0][:200]}" if last else "")


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _words(problem: BaseException) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    return str(getattr(problem, "strerror", None) or problem)
