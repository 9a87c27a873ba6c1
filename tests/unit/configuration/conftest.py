"""A project directory that tests fill with configuration files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from test_framework.configuration.load import load_settings
from test_framework.model.errors import UserError
from test_framework.model.outcome import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """write("layers" | "categories" | a path, text) puts a file into the project and returns the project."""
    short = {
        "layers": "test_framework/config/test_layers.yaml",
        "categories": "test_framework/config/categories.yaml",
    }

    def put(name: str, text: str) -> Path:
        path = tmp_path / short.get(name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tmp_path

    return put


@pytest.fixture
def mistakes(tmp_path: Path) -> Callable[[], list[str]]:
    """The lines that loading the project fails with; every call reads afresh."""

    def lines() -> list[str]:
        with pytest.raises(UserError) as caught:
            load_settings(tmp_path)
        assert caught.value.exit_code is ExitCode.USAGE
        return caught.value.what.split("\n")

    return lines
