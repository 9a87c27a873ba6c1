"""The recipe for Redis: a server of this run, without files, with a password of this run."""

from __future__ import annotations

import secrets
import signal

from test_framework.core.settings import ServiceSettings
from test_framework.services import probes
from test_framework.services.native import TRIES, free_port, last_lines, program_path, wait_ready
from test_framework.services.provider import LOOPBACK, Launch, Place, Service, ServiceError


async def start(spec: ServiceSettings, place: Place, launch: Launch) -> Service:
    """A Redis server without files."""
    server = program_path("redis-server", "apt-get install redis-server")
    password = secrets.token_urlsafe(16)
    place.directory.mkdir(parents=True, exist_ok=True)
    configuration = place.directory / "redis.conf"
    for attempt in range(TRIES):
        port = free_port()
        lines = (f"bind {LOOPBACK}", f"port {port}", "save \"\"", "appendonly no", f"requirepass {password}",
                 f"dir {_quoted(str(place.directory))}", "daemonize no")  # fmt: skip
        configuration.touch(0o600)
        configuration.write_text("\n".join(lines) + "\n", "utf-8")
        program = launch([server, str(configuration)], place.environment, place.directory, place.log)

        async def probe(port: int = port) -> str:
            return await probes.redis(LOOPBACK, port, password)

        try:
            await wait_ready(spec.name, program, probe, spec.startup_timeout_seconds, place.log)
        except ServiceError:
            await program.stop(signal.SIGTERM, 1.0)
            if attempt + 1 < TRIES and "in use" in last_lines(place.log):
                continue
            raise
        except BaseException:
            await program.stop(signal.SIGTERM, 1.0)
            raise
        url = f"redis://:{password}@{LOOPBACK}:{port}/0"
        variables = {
            "REDIS_URL": url, "REDIS_HOST": LOOPBACK, "REDIS_PORT": str(port), "REDIS_PASSWORD": password,
        }  # fmt: skip
        return Service(
            spec.name,
            "native",
            f"{LOOPBACK}:{port}",
            variables,
            probe,
            program,
            secrets=(password,),
            log=place.log,
        )
    raise ServiceError(f"{spec.name}: no free port was found")


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
