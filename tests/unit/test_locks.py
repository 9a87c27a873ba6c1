"""The lock files against pyproject.toml: complete, hashed, and free of any index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def entries(lock: str) -> dict[str, list[str]]:
    """The lines of each pin in `lock`, by canonical name; comments are left out."""
    found: dict[str, list[str]] = {}
    for line in (REPOSITORY / lock).read_text().splitlines():
        if match := PIN.match(line):
            found[canonicalize_name(match["name"])] = [line]
        elif line.strip() and not line.strip().startswith("#"):
            list(found.values())[-1].append(line)
    return found


def versions(lock: str) -> dict[str, str]:
    return {name: match["version"] for name, lines in entries(lock).items() if (match := PIN.match(lines[0]))}


def asked_for(group: str) -> list[Requirement]:
    texts = list(PROJECT["project"]["dependencies"])
    pending = list(PROJECT["dependency-groups"][group])
    for entry in pending:
        if isinstance(entry, str):
            texts.append(entry)
        else:
            pending.extend(PROJECT["dependency-groups"][entry["include-group"]])
    return [Requirement(text) for text in texts]


BOTH = pytest.mark.parametrize(
    ("lock", "group"), [("requirements.lock", "own-fast-layer"), ("requirements-dev.lock", "dev")]
)


@BOTH
def test_every_dependency_is_pinned_to_a_version_that_is_allowed(lock: str, group: str) -> None:
    pinned = versions(lock)
    for requirement in asked_for(group):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: run python scripts/lock.py"
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version} in {lock}"


@BOTH
def test_every_pin_carries_hashes_and_nothing_else(lock: str, group: str) -> None:
    found = entries(lock)
    assert len(found) > 10
    for name, (_, *rest) in found.items():
        assert rest, f"{name} has no hash in {lock}"
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest), rest


@BOTH
def test_no_lock_names_an_index_so_that_any_mirror_serves_it(lock: str, group: str) -> None:
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", (REPOSITORY / lock).read_text())


def test_development_uses_the_very_versions_that_users_get() -> None:
    runtime, development = versions("requirements.lock"), versions("requirements-dev.lock")
    assert {name: development.get(name) for name in runtime} == runtime
