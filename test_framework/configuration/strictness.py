"""How every section is checked: unknown keys refused, nothing converted."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", strict=True)
Section = TypeVar("Section")


def strict(section: type[Section]) -> type[Section]:
    """Mark a section as pydantic wants it marked (its own decorator is younger than the oldest we take)."""
    section.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
    return section
