"""Questions to services: an open port alone is no answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from test_framework.services import probes
from test_framework.services.native import endpoint, free_port, holder_of
from test_framework.services.provider import LOOPBACK

Answers = Callable[[bytes], bytes]


def asked(answers: Answers, probe: Callable[[int], Awaitable[str]]) -> str:
    """What the probe says of a server that answers each line so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(answers(line))
            if answers(line).startswith(b"HTTP"):
                break
        writer.close()

    async def main() -> str:
        server = await asyncio.start_server(serve, LOOPBACK, 0)
        async with server:
            return await probe(server.sockets[0].getsockname()[1])

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "ready"),
    [(b"200 OK", True), (b"302 Found", True), (b"404 Not Found", False), (b"503 Busy", False), (b"", False)],
)
def test_http_is_ready_below_status_400(status: bytes, ready: bool) -> None:
    said = asked(
        lambda _: b"HTTP/1.0 " + status + b"\r\n\r\n",
        lambda port: probes.http(f"http://{LOOPBACK}:{port}/health"),
    )
    assert (said == "") is ready, said


def test_redis_has_to_know_our_password() -> None:
    ours = {b"AUTH right\r\n": b"+OK\r\n", b"PING\r\n": b"+PONG\r\n"}
    stranger = {b"PING\r\n": b"-NOAUTH Authentication required.\r\n"}
    assert asked(lambda line: ours[line], lambda port: probes.redis(LOOPBACK, port, "right")) == ""
    said = asked(
        lambda line: stranger.get(line, b"-ERR\r\n"), lambda port: probes.redis(LOOPBACK, port, "right")
    )
    assert "NOAUTH" in said


def test_nobody_there_is_said_in_words() -> None:
    port = free_port()
    assert "no connection" in asyncio.run(probes.tcp(LOOPBACK, port))
    assert "does not answer" in asyncio.run(probes.http(f"http://{LOOPBACK}:{port}/"))
    assert "no answer" in asyncio.run(probes.redis(LOOPBACK, port))
    assert holder_of(port) == ""


def test_a_command_is_asked_by_its_exit_status(tmp_path: Path) -> None:
    def run(code: str, seconds: float = 20.0) -> str:
        return asyncio.run(probes.command([sys.executable, "-c", code], {}, tmp_path, seconds))

    assert run("pass") == ""
    assert run("print('not yet'); raise SystemExit(3)").endswith("ended with 3: not yet")
    assert "did not end within" in run("input_ = __import__('signal').pause()", 0.2)
    assert "cannot be run" in asyncio.run(probes.command([str(tmp_path / "none")], {}, tmp_path))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("localhost:5432", ("localhost", 5432, "")),
        ("localhost:8000/health", ("localhost", 8000, "http://localhost:8000/health")),
        ("https://example.test/up", ("example.test", 443, "https://example.test/up")),
        ("http://example.test:81", ("example.test", 81, "http://example.test:81")),
        ("", (LOOPBACK, 0, "")),
    ],
)
def test_an_endpoint_is_host_and_port_or_a_url(text: str, found: tuple[str, int, str]) -> None:
    assert endpoint(text) == found
