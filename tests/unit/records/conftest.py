from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from test_framework.records.history import History

MEMORY = Path("/dev/shm")


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder where synchronising costs nothing, for tests that open hundreds of histories."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="apex-test-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _histories_are_closed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test opens is closed with it, also where it fails; what the product opens it has to close itself."""
    opened: list[History] = []

    def open_history(*arguments: Any, **more: Any) -> History:
        opened.append(History(*arguments, **more))
        return opened[-1]

    if hasattr(request.module, "History"):
        monkeypatch.setattr(request.module, "History", open_history)
    yield
    for history in opened:
        history.close()
