from __future__ import annotations

import json
from pathlib import Path

import pytest

from test_framework.cli.catalogue import categories_of, category_lines, layer_lines, layers_of
from test_framework.configuration.load import load_mapping, load_settings, shipped_mapping
from test_framework.core.names import ENVIRONMENT_NAMES, PRIORITIES

OWN = """
layers:
  late:
    dependencies: [early]
    categories: [{name: novel}]
  early:
    max_duration_minutes: 2
    categories: [{name: unit}]
    environment_overrides: {staging: {max_duration_minutes: 3}}
"""


def test_the_shipped_categories_are_listed_by_priority_with_their_needs() -> None:
    lines = category_lines(categories_of(shipped_mapping(), "test"))
    assert lines[0] == "AVAILABLE TEST CATEGORIES"
    assert lines[-1] == "Total Categories: 18"
    headings = [line.split()[0] for line in lines if line.endswith(" Priority:")]
    assert headings == [priority for priority in PRIORITIES if priority in headings]
    integration = next(index for index, line in enumerate(lines) if line.startswith("  integration "))
    assert lines[integration + 1].strip() == "needs: unit, database"


@pytest.mark.parametrize("environment", [*ENVIRONMENT_NAMES])
@pytest.mark.parametrize("text", [None, OWN])
def test_what_is_listed_is_what_a_run_is_configured_with(
    tmp_path: Path, environment: str, text: str | None
) -> None:
    if text:
        (tmp_path / "apex.yaml").write_text(text)
    mapping = load_mapping(tmp_path)[0]
    settings = load_settings(tmp_path, environment)
    categories = categories_of(mapping, environment)
    assert [*categories] == [*settings.categories]
    for name, category in settings.categories.items():
        assert categories[name]["priority"] == category.priority
        assert set(categories[name]["dependencies"]) == set(category.dependencies)
    layers = layers_of(mapping, environment)
    assert [*layers] == [*settings.layers]
    for name, layer in settings.layers.items():
        minutes = layers[name].get("max_duration_minutes")
        assert layer.max_duration_seconds == (None if minutes is None else minutes * 60)
        assert {place["name"] for place in layers[name]["categories"]} == {
            each.name for each in layer.categories
        }
    json.dumps([categories, layers])


def test_layers_are_shown_with_their_limits_and_the_modes(tmp_path: Path) -> None:
    (tmp_path / "apex.yaml").write_text(OWN)
    mapping = load_mapping(tmp_path)[0]
    lines = layer_lines(layers_of(mapping, "staging"), {"mine": ["early", "late"]})
    assert lines[0] == "AVAILABLE TEST LAYERS"
    assert lines.index("early: early") < lines.index("late: late")
    assert "  at most      3 min" in lines
    assert "  after        early" in lines
    assert "mine             early, late" in lines
    assert lines[-1] == "Total Layers: 2"
