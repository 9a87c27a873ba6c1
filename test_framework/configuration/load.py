"""The door: a project's settings, from its own files or the shipped defaults.

Rules: files are looked up in the project root in the order of `PLACES`; one equal to the shipped file counts
as absent. What was checked once is kept in `.apex/cache/`, keyed by the contents of every file that was read
and by this package; a kept or a shipped configuration is used without importing yaml or pydantic. Keeping is
a convenience: where nothing can be written, nothing is.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import stat
from hashlib import sha256
from pathlib import Path

from test_framework import __version__
from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.model.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from test_framework.configuration.documents import Document
    from test_framework.core.settings import Settings

LAYERS = "test_framework/config/test_layers.yaml"
CATEGORIES = "test_framework/config/categories.yaml"
PLACES = (LAYERS, CATEGORIES, "apex.yaml", "pyproject.toml")
"""Files of a project that may hold its configuration, relative to its root, in the order of look-up."""
REQUIRED = {LAYERS: "layers", CATEGORIES: "categories"}
SHIPPED = Path(__file__).parent.parent / "config"
COMPILED = SHIPPED / "compiled.json"
SCHEMA_VERSION = 1

_READ_AT_MOST = (1 << 20) + 1


def load_settings(project_root: Path, environment: str = "test") -> Settings:
    """The settings of the project for one environment (development and production are names of dev and prod).

    Raises `UserError` (usage) with every mistake of every file, or for an unknown environment.
    """
    from test_framework.core.settings_mapping import settings_from_mapping

    environment = canonical_environment(environment)
    mapping, notes, sources = load_mapping(project_root)
    return settings_from_mapping(mapping, environment, notes, sources)


def load_mapping(project_root: Path) -> tuple[Mapping[str, Any], list[str], list[str]]:
    """The checked mapping of the project for all environments, its notes, and the files that were read.

    Raises `UserError` (usage) with every mistake of every file.
    """
    found, unreadable = _project_files(project_root)
    if not found and not unreadable:
        return shipped_mapping(), [], []
    key = _key(found)
    cache = project_root / ".apex" / "cache" / "configuration"
    kept = None if unreadable else _kept(cache, key)
    if kept is None:
        with _collector_paused():
            kept = _read(found, unreadable)
        _keep(project_root / ".apex", cache, key, kept)
    return kept["mapping"], kept["notes"], kept["sources"]


def canonical_environment(name: str) -> str:
    """test, dev, staging or prod. Raises `UserError` for an unknown name."""
    if name not in ENVIRONMENT_NAMES:
        from test_framework.configuration.mistakes import nearest, quoted

        hint = f"known: {', '.join(ENVIRONMENT_NAMES)}"
        raise UserError(f"unknown environment {quoted(name)}{nearest(name, ENVIRONMENT_NAMES)}", hint)
    return ENVIRONMENT_NAMES[name]


def shipped_mapping() -> Mapping[str, Any]:
    """The shipped defaults: compiled ones where they are fresh, else read from the shipped YAML."""
    layers, categories = _shipped_bytes()
    with contextlib.suppress(OSError, ValueError):
        compiled = json.loads(COMPILED.read_bytes())
        if compiled["digest"] == shipped_digest(layers, categories):
            mapping: dict[str, Any] = compiled["mapping"]
            return mapping
    return compile_shipped(layers, categories)


def compile_shipped(layers: bytes, categories: bytes) -> dict[str, Any]:
    """The mapping of the two shipped files' bytes, marked as nobody's own."""
    from test_framework.configuration.assembly import assemble
    from test_framework.configuration.yaml_reading import read_yaml

    documents = [read_yaml(LAYERS, layers), read_yaml(CATEGORIES, categories)]
    mapping, _ = assemble(documents, {}, REQUIRED)
    return {**mapping, "origin": {"layers": [], "limits": [], "execution": False, "services": []}}


def shipped_digest(layers: bytes, categories: bytes) -> str:
    return _digest([str(SCHEMA_VERSION).encode(), layers, categories])


def _shipped_bytes() -> tuple[bytes, bytes]:
    return (SHIPPED / "test_layers.yaml").read_bytes(), (SHIPPED / "categories.yaml").read_bytes()


def _project_files(root: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Bytes of the files that configure this project, and why others could not be read."""
    found: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    shipped = dict(zip((LAYERS, CATEGORIES), _shipped_bytes(), strict=True))
    for place in PLACES:
        try:
            raw = _bytes_of(root / place)
        except OSError as error:
            unreadable[place] = f"cannot be read: {error.strerror or error}"
            continue
        if raw is None or raw == shipped.get(place) or (place == "pyproject.toml" and b"apex" not in raw):
            continue
        found[place] = raw
    return found, unreadable


def _bytes_of(path: Path) -> bytes | None:
    """Up to 1 MiB and one byte of a regular file, None where there is none. Never waits on a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        return file.read(_READ_AT_MOST)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Reading makes many values and no cycles: looking for those takes a third of its time."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def _read(found: Mapping[str, bytes], unreadable: Mapping[str, str]) -> dict[str, Any]:
    """Read and check the project's files; what comes back is what the cache keeps."""
    from test_framework.configuration.assembly import assemble
    from test_framework.configuration.documents import Document
    from test_framework.configuration.mistakes import Mistake
    from test_framework.configuration.toml_reading import read_toml
    from test_framework.configuration.yaml_reading import read_yaml

    documents: list[Document] = []
    for place in PLACES:
        if place in unreadable:
            documents.append(Document(place, mistakes=[Mistake(place, 1, 1, "", unreadable[place])]))
        elif place in found:
            read = read_toml if place.endswith(".toml") else read_yaml
            document = read(place, found[place])
            if document is not None:
                documents.append(document)
    if not documents:
        return {"mapping": shipped_mapping(), "notes": [], "sources": []}
    mapping, notes = assemble(documents, shipped_mapping(), REQUIRED)
    return {"mapping": mapping, "notes": notes, "sources": [document.name for document in documents]}


def _key(found: Mapping[str, bytes]) -> str:
    """What a kept configuration depends on: the files' contents, the shipped defaults and this code."""
    parts = [__version__.encode(), shipped_digest(*_shipped_bytes()).encode()]
    with os.scandir(Path(__file__).parent) as entries:
        code = sorted(entry.path for entry in entries if entry.name.endswith(".py"))
    parts += [f"{path} {os.stat(path).st_mtime_ns}".encode() for path in code]
    for place, raw in found.items():
        parts += [place.encode(), raw]
    return _digest(parts)


def _digest(parts: list[bytes]) -> str:
    digest = sha256()
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def _kept(cache: Path, key: str) -> dict[str, Any] | None:
    """The kept configuration, None where there is none for this key or it was altered."""
    try:
        header, _, body = cache.read_bytes().partition(b"\n")
    except OSError:
        return None
    if header.decode("ascii", "replace") != f"{key} {sha256(body).hexdigest()}":
        return None
    kept: dict[str, Any] = json.loads(body)
    return kept


def _keep(state: Path, cache: Path, key: str, kept: Mapping[str, Any]) -> None:
    """Write the configuration to the cache in one step, where the place can be written."""
    body = json.dumps(kept, separators=(",", ":")).encode()
    new = cache.with_name(f".configuration.{os.getpid()}")
    with contextlib.suppress(OSError):
        state.mkdir(mode=0o700, exist_ok=True)
        cache.parent.mkdir(mode=0o700, exist_ok=True)
        ignore = state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(new, flags, 0o600)
            with open(descriptor, "wb") as file:
                file.write(f"{key} {sha256(body).hexdigest()}\n".encode() + body)
            os.replace(new, cache)
        except OSError:
            new.unlink(missing_ok=True)
