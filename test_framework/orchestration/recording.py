"""Where what a run's tests depend on is written."""

from __future__ import annotations

from pathlib import Path

from test_framework.engine.executor import Collection
from test_framework.orchestration.preparation import Preparation
from test_framework.records.dependency_file import DependencyFile, arguments_that_matter


def open_recording(
    directory: Path | None, preparation: Preparation, collection: Collection
) -> DependencyFile | None:
    """The file of a run that records, begun with what was recorded up to its collection; None: nothing is recorded."""
    if directory is None or not preparation.records:
        return None
    why_not_fresh = ""
    if collection.isolation != "fork":
        why_not_fresh = f"its lanes are not forked ({collection.isolation}): {collection.isolation_reason}"
    file = DependencyFile(directory, preparation.project_root, why_not_fresh)
    arguments = arguments_that_matter(preparation.pytest_args)
    file.base_recorded(collection.recorded, {"pytest": collection.pytest_version, "arguments": arguments})
    return file
