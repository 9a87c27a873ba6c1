"""What can be told of the project's interpreter and its packages without starting it.

Rules: the same for two environments that hold the same (no path, no time of day is part of it), so that checkouts and
CI jobs can share proofs: the interpreter's bytes, and for each distribution the hashes in its RECORD. An environment
whose packages cannot be found has no identity, and then nothing is proven. Files that somebody edits by hand inside an
installed package are not seen.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from test_framework.records.changes import Digests, value_digest

SITE_DIRECTORIES = ("lib/python3*/site-packages", "lib64/python3*/site-packages", "lib/python3*/dist-packages",
                    "lib/python3/dist-packages", "local/lib/python3*/dist-packages")  # fmt: skip
FILES_OF_SITE = (".pth", ".egg-link", "sitecustomize.py", "usercustomize.py")
READ_AT_START = ("PYTHON", "PYTEST_", "LC_")
READ_BY_C = frozenset({"LANG", "LANGUAGE", "TZ"})
OF_ONE_TEST = ("PYTEST_CURRENT_TEST", "PYTEST_XDIST_")
EDITABLE = "__editable__"
NOT_COMPARED = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")


def identify(executable: str, environ: Mapping[str, str], digests: Digests) -> dict[str, str] | None:
    """The parts of an environment by name; None where its packages cannot be found.

    `environ` is what tests inherit: variables that interpreter, locale and pytest read by themselves are parts too, by
    the digests of their values, since memories travel.
    """
    prefix = Path(executable).parent.parent
    digests.note(executable)
    digest = digests.of(os.path.realpath(executable))
    if digest is None:
        return None
    identity = {"interpreter": digest}
    prefixes = [prefix]
    configuration = prefix / "pyvenv.cfg"
    digests.note(str(configuration))
    if configuration.is_file():
        settings = _read_pyvenv(configuration)
        identity["interpreter version"] = settings.get("version", settings.get("version_info", ""))
        if settings.get("include-system-site-packages", "").lower() == "true" and settings.get("home"):
            prefixes.append(Path(settings["home"]).parent)
    else:
        prefixes += [Path(os.path.realpath(executable)).parent.parent, Path.home() / ".local"]
    found = site_directories(prefixes)
    for each in prefixes:
        digests.note(str(each / "lib"))
    if not found:
        return None
    for directory in found:
        _add_site(Path(directory), identity, digests)
    for name, value in environ.items():
        if name in READ_BY_C or (name.startswith(READ_AT_START) and not name.startswith(OF_ONE_TEST)):
            identity[f"variable {name}"] = value_digest(value) or ""
    return identity


def site_directories(prefixes: list[Path]) -> list[str]:
    """Where packages are installed below these prefixes, and the user's own where a system interpreter looks."""
    found: dict[str, None] = {}
    for prefix in prefixes:
        for pattern in SITE_DIRECTORIES:
            for directory in sorted(prefix.glob(pattern)):
                found[os.path.realpath(directory)] = None
    return list(found)


def top_level_names(executable: str) -> frozenset[str]:
    """Names that an import could find among the installed packages."""
    prefix = Path(executable).parent.parent
    names = set()
    for directory in site_directories([prefix, Path(os.path.realpath(executable)).parent.parent]):
        try:
            names |= {name.partition(".")[0] for name in os.listdir(directory)}
        except OSError:
            continue
    return frozenset(names)


def _read_pyvenv(file: Path) -> dict[str, str]:
    settings = {}
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            settings[name.strip().lower()] = value.strip()
    except (OSError, UnicodeDecodeError):
        return {}
    return settings


def _add_site(directory: Path, identity: dict[str, str], digests: Digests) -> None:
    digests.note(str(directory))
    try:
        entries = sorted(os.listdir(directory))
    except OSError:
        return
    for name in entries:
        path = directory / name
        if name.endswith(".dist-info"):
            identity[f"package {name.removesuffix('.dist-info')}"] = _distribution(path, digests)
        elif name.endswith(".egg-info"):
            identity[f"package {name}"] = digests.of(str(path / "PKG-INFO")) or digests.of(str(path)) or ""
        elif name.endswith(FILES_OF_SITE) or name.startswith(EDITABLE):
            digests.note(str(path))
            identity[f"site file {name}"] = _without_root(path, digests.root)


def _without_root(file: Path, root: Path) -> str:
    """The digest of a small file in which an editable installation names its checkout."""
    try:
        content = file.read_bytes() if file.is_file() else b""
    except OSError:
        return ""
    return hashlib.sha256(content.replace(os.fsencode(os.path.realpath(root)), b".")).hexdigest()


def _distribution(directory: Path, digests: Digests) -> str:
    """The digest of what a distribution installed; remembered under the digest of its RECORD."""
    record = directory / "RECORD"
    raw = digests.of(str(record))
    if raw is None:
        return digests.of(str(directory / "METADATA")) or ""
    known = digests.known.get(f"record {raw}")
    if known is not None:
        return known
    lines = []
    for line in record.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        path = line.partition(",")[0]
        # Scripts carry the path of their environment; pip's own notes say how, not what.
        if not path.startswith(("..", EDITABLE)) and not path.endswith((".pyc", *NOT_COMPARED)):
            lines.append(line)
    digest = hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
    digests.known[f"record {raw}"] = digest
    return digest
