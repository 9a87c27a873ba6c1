"""Keys that files of the legacy runner carry and nothing here uses: they load, with a warning that says why.

Rules: only keys that said nothing about what to run; one that did (a limit, a switch) is used or is a mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from test_framework.configuration.mistakes import Path

_ABOUT = "it describes the file, and `metadata` is the place for that"
_SEEN = "what former runs showed is kept in their history"
_NEEDS = "layers list what they need in `required_services`"

LEGACY: dict[Path, str] = {
    ("version",): _ABOUT,
    ("schema_version",): _ABOUT,
    ("config_schema_version",): _ABOUT,
    ("description",): _ABOUT,
    ("author",): _ABOUT,
    ("created_at",): _ABOUT,
    ("updated_at",): _ABOUT,
    ("last_updated",): _ABOUT,
    ("categories", "*", "name"): "the key of the entry is its name",
    ("categories", "*", "children"): "they follow from `parent` of the others",
    ("categories", "*", "average_duration"): _SEEN,
    ("categories", "*", "estimated_duration"): "`estimated_duration_minutes` is the key that is used",
    ("categories", "*", "last_run"): _SEEN,
    ("categories", "*", "success_rate"): _SEEN,
    ("categories", "*", "environment_scope"): "`requires_environment` is the key that is used",
    ("categories", "*", "requires_backend"): _NEEDS,
    ("categories", "*", "requires_database"): _NEEDS,
    ("categories", "*", "requires_frontend"): _NEEDS,
    ("categories", "*", "requires_staging_environment"): "`requires_environment: [staging]` says it",
}
"""Keys as they nest in a file, `*` for any name, and why each has no effect."""


def legacy_reason(path: Path) -> str | None:
    """Why the unknown key at the path is merely old, None where it is a mistake."""
    pattern = (path[0], "*", *path[2:]) if len(path) > 1 else path
    return LEGACY.get(pattern)
