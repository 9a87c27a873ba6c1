"""The recipe for PostgreSQL: a server of this run with an empty database.

Rules: its files are made once for each version and copied; they live in the run's own directory and die with it. Where
we are root it runs in a user namespace, since it refuses root. It listens on the loopback only, with a password of this
run.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from test_framework.core.settings import ServiceSettings
from test_framework.services import probes
from test_framework.services.native import TRIES, free_port, last_lines, program_path, wait_ready
from test_framework.services.provider import LOOPBACK, Launch, Place, Service, ServiceError

DATABASE, USER = "test", "postgres"


async def start(spec: ServiceSettings, place: Place, launch: Launch) -> Service:
    """A PostgreSQL server with an empty database."""
    binaries = binaries_of_newest()
    template, first_password = await _template(binaries, place)
    data = place.directory / "data"
    place.directory.mkdir(parents=True, exist_ok=True)
    copied = await probes.command(
        [program_path("cp", "the Debian package coreutils"), "-a", "--reflink=auto", "--", str(template), str(data)],
        place.environment, place.directory, 60.0,
    )  # fmt: skip
    if copied:
        raise ServiceError(f"{spec.name}: its data directory cannot be made: {copied}")
    password = secrets.token_urlsafe(16)
    for attempt in range(TRIES):
        port = free_port()
        settings = {
            "port": str(port), "listen_addresses": LOOPBACK, "unix_socket_directories": "", "fsync": "off",
            "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100",
        }  # fmt: skip
        argv = [*_as_nobody(), str(binaries / "postgres"), "-D", str(data)]
        argv += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        program = launch(argv, place.environment, place.directory, place.log)
        ask = _Psql(binaries, port, place)

        async def first(ask: _Psql = ask) -> str:
            return await ask("SELECT 1", first_password, "postgres")

        async def probe(ask: _Psql = ask) -> str:
            return await ask("SELECT 1", password)

        try:
            await wait_ready(spec.name, program, first, spec.startup_timeout_seconds, place.log)
            for statement in (f"ALTER ROLE {USER} PASSWORD '{password}'", f"CREATE DATABASE {DATABASE}"):
                secret = first_password if statement.startswith("ALTER") else password
                if why := await ask(statement, secret, "postgres"):
                    raise ServiceError(f"{spec.name}: {why}")
        except ServiceError:
            await program.stop(signal.SIGQUIT, 2.0)
            if attempt + 1 < TRIES and "in use" in last_lines(place.log):
                continue
            raise
        except BaseException:
            await program.stop(signal.SIGQUIT, 2.0)
            raise
        url = f"postgresql://{USER}:{password}@{LOOPBACK}:{port}/{DATABASE}"
        variables = {
            "DATABASE_URL": url, "PGHOST": LOOPBACK, "PGPORT": str(port), "PGUSER": USER, "PGPASSWORD": password,
            "PGDATABASE": DATABASE,
        }  # fmt: skip
        return Service(
            spec.name, "native", f"{LOOPBACK}:{port}", variables, probe, program, signal.SIGQUIT,
            secrets=(password,), log=place.log,
        )  # fmt: skip
    raise ServiceError(f"{spec.name}: no free port was found")


def binaries_of_newest() -> Path:
    """The directory of the newest PostgreSQL that is installed. Raises `ServiceError`."""
    found = [Path(each).parent for each in (shutil.which("postgres"), shutil.which("initdb")) if each]
    with suppress(OSError):
        versions = sorted(Path("/usr/lib/postgresql").iterdir(), key=lambda each: _number(each.name))
        found += [each / "bin" for each in reversed(versions)]
    for each in found:
        if all((each / name).is_file() for name in ("postgres", "initdb", "psql")):
            return each
    raise ServiceError("postgresql is not installed: apt-get install postgresql")


class _Psql:
    """Asks one server by psql, which knows the protocol."""

    def __init__(self, binaries: Path, port: int, place: Place) -> None:
        self._argv = [str(binaries / "psql"), "-X", "-q", "-t", "-h", LOOPBACK, "-p", str(port), "-U", USER]
        self._place = place

    async def __call__(self, statement: str, password: str, database: str = DATABASE) -> str:
        environment = {**self._place.environment, "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "2"}
        argv = [*self._argv, "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement]
        return await probes.command(argv, environment, self._place.directory)


async def _template(binaries: Path, place: Place) -> tuple[Path, str]:
    """A data directory as initdb makes it, and its password; made once for each version."""
    version = hashlib.sha256(f"{binaries} {os.stat(binaries / 'postgres').st_mtime_ns}".encode()).hexdigest()[
        :12
    ]
    home = place.cache / f"postgresql-{version}"
    if (home / "data" / "PG_VERSION").is_file():
        return home / "data", (home / "password").read_text("ascii")
    place.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    making = place.cache / f"new-{os.getpid()}-{secrets.token_hex(4)}"
    making.mkdir(mode=0o700)
    try:
        password = secrets.token_urlsafe(16)
        (making / "password").touch(0o600)
        (making / "password").write_text(password, "ascii")
        argv = [
            *_as_nobody(), str(binaries / "initdb"), "-D", str(making / "data"), "-U", USER, "-A", "scram-sha-256",
            "--pwfile", str(making / "password"), "-E", "UTF8", "--locale", "C", "--no-sync",
        ]  # fmt: skip
        if why := await probes.command(argv, place.environment, making, 60.0):
            raise ServiceError(f"postgresql: {why}")
        with suppress(OSError):  # somebody else was faster: theirs is as good
            making.rename(home)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return home / "data", (home / "password").read_text("ascii")


def _as_nobody() -> list[str]:
    """How a program is started that refuses to be root, where we are root."""
    if os.geteuid() != 0:
        return []
    return [
        program_path("unshare", "the Debian package util-linux"),
        "--user",
        "--map-user=1000",
        "--map-group=1000",
    ]


def _number(version: str) -> float:
    with suppress(ValueError):
        return float(version)
    return 0.0
