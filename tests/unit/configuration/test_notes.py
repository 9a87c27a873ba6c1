"""What loads with a note: limits that nothing reaches, allowed variables, keys of the legacy runner."""

from __future__ import annotations

import pytest

from test_framework.configuration.load import load_settings

HEAD = "test_framework/config/test_layers.yaml:"
LAYER = """\
layers:
  a:
    max_duration_minutes: 2
    resource_limits: {max_memory_mb: 512, max_parallel_instances: 2}
"""

UNREACHED = {
    "a category longer than its layer": (
        LAYER + "    categories:\n      - name: x\n        timeout_seconds: 300\n",
        (
            "7:26: layers.a.categories[0].timeout_seconds: 300 is above the 120 seconds that the layer has, "
            "which holds first"
        ),
    ),
    "a test longer than its category": (
        LAYER + "    categories: [{name: x, timeout_seconds: 60, test_timeout_seconds: 61}]\n",
        "5:71: layers.a.categories[0].test_timeout_seconds: 61 is above timeout_seconds (60), which holds first",
    ),
    "more lanes than the layer has": (
        LAYER + "    categories: [{name: x, max_parallel_instances: 3}]\n",
        (
            "5:52: layers.a.categories[0].max_parallel_instances: 3 is above the layer's "
            "max_parallel_instances (2), which holds first"
        ),
    ),
    "more memory than the layer has": (
        LAYER + "    categories: [{name: x, resource_requirements: {min_memory_mb: 1024}}]\n",
        (
            "5:67: layers.a.categories[0].resource_requirements.min_memory_mb: 1024 is above the layer's "
            "max_memory_mb (512), which holds first"
        ),
    ),
    "a layer longer than the run": (
        LAYER + "    categories: [{name: x}]\nexecution_config: {global_timeout_minutes: 1}\n",
        (
            "3:27: layers.a.max_duration_minutes: 2 is above execution_config.global_timeout_minutes (1), "
            "which holds first"
        ),
    ),
    "more memory than the run has": (
        LAYER + "    categories: [{name: x}]\nexecution_config: {max_memory_usage_mb: 256}\n",
        (
            "4:38: layers.a.resource_limits.max_memory_mb: 512 is above execution_config.max_memory_usage_mb (256), "
            "which holds first"
        ),
    ),
    "shortened in one environment": (
        (
            "layers:\n  a:\n    categories: [{name: x, timeout_seconds: 60}]\n    environment_overrides:\n"
            "      staging: {max_duration_minutes: 0.5}\n"
        ),
        (
            "3:45: layers.a.categories[0].timeout_seconds: 60 is above the 30 seconds that the layer has, "
            "which holds first"
        ),
    ),
}


@pytest.mark.parametrize(("text", "expected"), UNREACHED.values(), ids=UNREACHED.keys())
def test_a_limit_that_nothing_reaches_is_noted_and_no_mistake(text, expected, write) -> None:
    notes = [note for note in load_settings(write("layers", text)).notes if ": inert until " not in note]
    assert notes == [HEAD + expected]


def test_a_shipped_layer_that_is_shortened_is_noted_where_that_was_written(write) -> None:
    root = write("apex.yaml", "layers:\n  fast_feedback:\n    max_duration_minutes: 1\n")
    (note,) = load_settings(root).notes
    assert note == (
        "apex.yaml:3:27: layers.fast_feedback.max_duration_minutes: a category of this layer has 120 seconds, "
        "more than that"
    )


def test_what_shipped_defaults_alone_say_is_not_noted(write) -> None:
    assert load_settings(write("apex.yaml", "layers:\n  fast_feedback: {description: mine}\n")).notes == ()


def test_a_variable_that_decides_what_code_runs_can_be_allowed_and_is_noted(write) -> None:
    root = write(
        "apex.yaml",
        "tests: {allow_variables: [PYTHONPATH]}\ncategories:\n  x: {env: {PYTHONPATH: src, OTHER: y}}\n",
    )
    settings = load_settings(root)
    assert settings.tests.allow_variables == ("PYTHONPATH",)
    assert settings.categories["x"].env == {"PYTHONPATH": "src", "OTHER": "y"}
    assert (
        "apex.yaml:3:13: categories.x.env.PYTHONPATH: PYTHONPATH decides what code runs, and "
        "tests.allow_variables allows it" in settings.notes
    )


def test_a_file_of_the_legacy_runner_loads_with_its_quirks(write) -> None:
    write(
        "layers",
        """\
schema_version: "1.0.0"
author: somebody
metadata: {version: "1.0.0", created_at: 2025-01-08T00:00:00Z, config_schema_version: "1.0"}
layers:
  quick:
    name: Quick
    description: First
    priority: 1
    execution_order: 1
    max_duration_minutes: 2
    execution_mode: sequential
    fail_fast: true
    resource_limits: {max_memory_mb: 512, max_cpu_percent: 50, max_parallel_instances: 2}
    categories:
      - name: smoke
        timeout_seconds: 60
        max_parallel_instances: 2
        priority_order: 1
        resource_requirements: {requires_postgresql: false, min_memory_mb: 64, dedicated_resources: false}
        filters: {include_patterns: [smoke], exclude_patterns: [slow]}
    dependencies: []
    conflicts: []
    required_services: []
    environment_overrides:
      production: {max_duration_minutes: 5, fail_fast: false}
      development: {success_criteria: {allow_partial_success: true}}
execution_config:
  layer_execution_mode: waterfall_with_background
  max_global_parallel_tests: 8
  fail_fast_strategy: {quick: immediate}
  background_execution: {enabled: true, max_background_layers: 1, background_layers: []}
monitoring:
  progress_tracking: {enabled: true, granularity: category, persist_progress: true}
  performance_monitoring: {enabled: true, network_monitoring: false}
  reporting: {layer_reports: true, report_formats: [json, html], report_output_dir: test_reports/layers}
""",
    )
    root = write(
        "categories",
        "categories:\n  smoke:\n    name: smoke\n    requires_database: true\n    last_run: null\n    parent: null\n"
        "    max_parallel_instances: null\n    tags: [quick, pre-commit]\n",
    )
    settings = load_settings(root, "production")
    assert settings.layers["quick"].max_duration_seconds == 300
    assert settings.layers["quick"].fail_fast_strategy == "disabled"
    assert load_settings(root, "dev").layers["quick"].allow_partial_success
    old = [note.split(": ")[1] for note in settings.notes if "a key of the legacy runner" in note]
    assert sorted(old) == [
        "author",
        "categories.smoke.last_run",
        "categories.smoke.name",
        "categories.smoke.requires_database",
        "schema_version",
    ]


def test_metadata_belongs_to_each_file_and_is_no_conflict(write) -> None:
    write("layers", "metadata: {version: '1'}\nlayers:\n  a: {categories: [{name: x}]}\n")
    assert load_settings(write("apex.yaml", "metadata: {version: '2'}\n")).notes == ()


def test_a_file_of_old_keys_alone_hides_no_mistake_of_another(write, mistakes) -> None:
    write("apex.yaml", "version: '1'\n")
    write("layers", "layers:\n  a: {dependencies: [b], categories: [{name: x}]}\n")
    (line,) = mistakes()
    assert "unknown layer 'b'" in line
