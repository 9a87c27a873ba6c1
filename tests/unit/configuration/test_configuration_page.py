"""docs/CONFIGURATION.md is what its script writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from test_framework.configuration.meaning import MEANING

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = REPOSITORY / "docs" / "CONFIGURATION.md"


def test_the_page_is_fresh() -> None:
    code = "import scripts.write_configuration_page as page, sys; sys.stdout.write(page.page())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert PAGE.read_text() == done.stdout, "run: python scripts/write_configuration_page.py"


def test_the_page_names_every_key() -> None:
    text = PAGE.read_text()
    assert [key for keys in MEANING.values() for key in keys if f"| `{key}` |" not in text] == []
