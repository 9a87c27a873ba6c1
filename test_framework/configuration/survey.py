"""What a repository says about its tests, for a first configuration: read only, never run.

Rules: nothing is imported or started; what cannot be read is left out; a walk ends after `MOST_ENTRIES`
entries, and directories that hold other people's code are not entered.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from test_framework.configuration.load import CATEGORIES, LAYERS, SHIPPED, shipped_mapping
from test_framework.configuration.yaml_reading import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ENTRIES = 50_000
MOST_BYTES = 1 << 20
_FOREIGN = frozenset({"node_modules", "venv", "env", "build", "dist", "site-packages", "vendor", "target"})
_TEST_FILE = re.compile(r"(test_.*|.*_test)\.py")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_RUNNERS = {
    "jest": "jest",
    "vitest": "vitest",
    "@playwright/test": "playwright",
    "cypress": "cypress",
}
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_LIBRARIES = {
    "postgresql": ("psycopg", "psycopg2", "psycopg2-binary", "asyncpg", "pg8000"),
    "redis": ("redis", "aioredis", "django-redis"),
    "clickhouse": ("clickhouse-connect", "clickhouse-driver"),
}
_IMAGES = {"postgres": "postgresql", "postgis": "postgresql", "redis": "redis", "valkey": "redis"}
_IMAGES["clickhouse-server"] = "clickhouse"
_KNOWN_MARKERS = frozenset({"asyncio", "anyio", "django_db", "flaky", "timeout", "benchmark", "xdist_group"})


@dataclass(frozen=True, slots=True)
class ComposeService:
    name: str
    """as the compose file calls it"""
    known_as: str
    """the name that layers use for it"""
    port: int | None


@dataclass(slots=True)
class Survey:
    """What was found; every path is relative to the root."""

    name: str
    test_files: Counter[str] = field(default_factory=Counter)
    """Python test files by category, "" where no directory names one"""
    other_directories: list[str] = field(default_factory=list)
    """directories below a `tests` directory whose name is no category yet"""
    pytest_file: str = ""
    test_paths: list[str] = field(default_factory=list)
    markers: list[str] = field(default_factory=list)
    """markers that are no category's name"""
    roots: list[str] = field(default_factory=list)
    """directories with a pytest configuration of their own"""
    runners: list[tuple[str, str]] = field(default_factory=list)
    """(runner, directory) of each package.json that names one"""
    compose_file: str = ""
    services: list[ComposeService] = field(default_factory=list)
    libraries: dict[str, str] = field(default_factory=dict)
    """service -> the library of the project that speaks to it"""
    legacy: list[str] = field(default_factory=list)
    """files of the legacy runner's places that are the project's own"""
    taken: frozenset[str] = frozenset()
    """sections that those files have: here they would not be read"""
    beside: bool = False
    """pyproject.toml has a [tool.apex]"""
    interpreter: str = ""


def survey(root: Path) -> Survey:
    """Look at the repository. Never raises for what it holds."""
    known = frozenset(shipped_mapping()["categories"])
    found = Survey(root.name)
    own = {place: _text(root / place) for place in (LAYERS, CATEGORIES) if (root / place).is_file()}
    found.legacy = [place for place, text in own.items() if text != _text(SHIPPED / Path(place).name)]
    found.taken = frozenset(
        section for place in found.legacy for section in read_yaml(place, own[place].encode()).data
    )
    found.beside = _at(_toml(root / "pyproject.toml"), "tool", "apex") is not None
    found.interpreter = ".venv/bin/python" if (root / ".venv/bin/python").exists() else ""
    found.pytest_file, table = _pytest_table(root)
    found.test_paths = _words(table.get("testpaths"))
    names = [re.split(r"[:(]", line)[0].strip() for line in _lines(table.get("markers"))]
    wanted = (name for name in names if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII))
    found.markers = [name for name in dict.fromkeys(wanted) if name not in known | _KNOWN_MARKERS]
    other: dict[str, None] = {}
    for directory, files in _walk(root, _words(table.get("norecursedirs"))):
        relative = Path(os.path.relpath(directory, root))
        parts = () if relative == Path() else relative.parts
        tests = sum(1 for name in files if _TEST_FILE.fullmatch(name))
        if tests:
            named = [part for part in parts if part in known]
            found.test_files[named[-1] if named else ""] += tests
            below = [place for place, part in enumerate(parts[:-1]) if part in ("tests", "test")]
            if below and not named and _NAME.fullmatch(parts[below[0] + 1]):
                other["/".join(parts[: below[0] + 2])] = None
        inner = parts and not {"tests", "test"}.intersection(parts)
        if inner and any(
            _table_of(Path(directory, name)) is not None for name in files if name in _PYTEST_FILES
        ):
            found.roots.append("/".join(parts))
        if "package.json" in files:
            found.runners += [(runner, "/".join(parts)) for runner in _runners(Path(directory))]
    found.other_directories = sorted(other)
    found.roots.sort()
    found.runners.sort()
    found.compose_file = next((name for name in _COMPOSE if (root / name).is_file()), "")
    found.services = _compose_services(root / found.compose_file) if found.compose_file else []
    found.libraries = _libraries(root)
    return found


def _walk(root: Path, skipped: list[str]) -> Iterator[tuple[str, list[str]]]:
    seen = 0
    for directory, below, files in os.walk(root):
        seen += len(below) + len(files)
        below[:] = sorted(
            name
            for name in below
            if not name.startswith(".")
            and name not in _FOREIGN
            and name.isprintable()
            and not any(
                fnmatch(
                    os.path.relpath(os.path.join(directory, name), root) if "/" in pattern else name, pattern
                )
                for pattern in skipped
            )
        )
        yield directory, files
        if seen > MOST_ENTRIES:
            return


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return ""


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except (ValueError, RecursionError):
        return {}


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _pytest_table(root: Path) -> tuple[str, dict[str, Any]]:
    """The first file that configures pytest there, and its table; ("", {}) without one."""
    for name in _PYTEST_FILES:
        table = _table_of(root / name)
        if table is not None:
            return name, table
    return "", {}


def _table_of(path: Path) -> dict[str, Any] | None:
    if path.suffix == ".toml":
        table = _at(_toml(path), "tool", "pytest")
        options = _at(table, "ini_options")
        return options if isinstance(options, dict) else table if isinstance(table, dict) else None
    if not path.is_file():
        return None
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(_text(path))
    except configparser.Error:
        return None
    section = "tool:pytest" if path.name == "setup.cfg" else "pytest"
    return dict(parser[section]) if parser.has_section(section) else None


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    return _words(value)


def _runners(directory: Path) -> list[str]:
    try:
        package = json.loads(_text(directory / "package.json"))
    except (ValueError, RecursionError):
        return []
    tables = [_at(package, key) for key in ("dependencies", "devDependencies")]
    names = {name for table in tables if isinstance(table, dict) for name in table}
    return [runner for library, runner in _RUNNERS.items() if library in names]


def _compose_services(path: Path) -> list[ComposeService]:
    services = _at(read_yaml(path.name, _text(path).encode()).data, "services")
    found = []
    for name, body in dict[str, Any](services if isinstance(services, dict) else {}).items():
        if not _NAME.fullmatch(name):
            continue
        image = _at(body, "image")
        plain = re.split(r"[:@]", image.rsplit("/", 1)[-1])[0] if isinstance(image, str) else ""
        ports = _at(body, "ports")
        found.append(
            ComposeService(
                name, _IMAGES.get(plain, name), _port(ports[0] if isinstance(ports, list) and ports else None)
            )
        )
    return found


def _port(entry: Any) -> int | None:
    """The port on this machine of a compose entry: "5433:5432", "127.0.0.1:5433:5432/tcp", {published: 5433}."""
    if isinstance(entry, dict):
        entry = entry.get("published")
    parts = str(entry).split("/")[0].split(":")
    port = parts[-2] if len(parts) > 1 else parts[0]
    return int(port) if re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65_536 else None


def _libraries(root: Path) -> dict[str, str]:
    """Which services the project's declared libraries speak to."""
    declared = _at(_toml(root / "pyproject.toml"), "project", "dependencies")
    lines = _words(declared)
    for path in sorted(root.glob("requirements*.txt")):
        lines += _text(path).splitlines()
    names = {re.split(r"[^A-Za-z0-9_.-]", line.strip().lower())[0].replace("_", "-") for line in lines}
    return {
        service: library
        for service, libraries in _LIBRARIES.items()
        for library in reversed(libraries)
        if library in names
    }
