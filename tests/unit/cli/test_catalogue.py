from __future__ import annotations

from pathlib import Path

from test_framework.cli.catalogue import category_lines
from test_framework.configuration.load import load_settings
from test_framework.core.settings import PRIORITIES


def test_the_shipped_categories_are_listed_by_priority_with_their_needs(tmp_path: Path) -> None:
    lines = category_lines(load_settings(tmp_path, "test"))
    assert lines[0] == "AVAILABLE TEST CATEGORIES"
    assert lines[-1] == "Total Categories: 18"
    headings = [line.split()[0] for line in lines if line.endswith(" Priority:")]
    assert headings == [priority for priority in PRIORITIES if priority in headings]
    integration = next(index for index, line in enumerate(lines) if line.startswith("  integration "))
    assert lines[integration + 1].strip() == "needs: unit, database"


def test_the_listing_is_the_same_each_time(tmp_path: Path) -> None:
    assert category_lines(load_settings(tmp_path, "test")) == category_lines(load_settings(tmp_path, "test"))
