"""Look-up, merging, notes, the cache and the shipped defaults."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import test_framework
from test_framework.configuration.compile import compiled_text
from test_framework.configuration.load import COMPILED, SHIPPED, load_settings
from test_framework.configuration.schema import json_schema
from test_framework.model.errors import UserError

SAMPLE = """\
layers:
  fast_feedback:
    name: "Fast Feedback"
    max_duration_minutes: 2
    execution_mode: "sequential"
    categories:
      - name: "smoke"
        timeout_seconds: 60
      - name: "unit"
        timeout_seconds: 120
"""
SAMPLE_OVERRIDES = """\
layers:
  fast_feedback:
    environment_overrides:
      staging:
        max_duration_minutes: 3
        llm_requirements:
          mode: "real"
"""
SAMPLE_CUSTOM = """\
layers:
  custom_layer:
    name: "Custom Layer"
    max_duration_minutes: 15
    categories:
      - name: "custom_category"
        timeout_seconds: 300
"""


def test_the_compiled_defaults_are_fresh() -> None:
    assert COMPILED.read_text() == compiled_text(), "run: python -m test_framework.configuration.compile"


def test_a_project_without_configuration_gets_the_shipped_layers(tmp_path) -> None:
    settings = load_settings(tmp_path)
    assert {
        layer.id: (layer.max_duration_seconds, [place.name for place in layer.categories])
        for layer in settings.layers.values()
    } == {
        "fast_feedback": (120, ["smoke", "unit"]),
        "core_integration": (600, ["database", "api", "websocket", "integration"]),
        "service_integration": (1200, ["agent", "e2e_critical", "frontend"]),
        "e2e_background": (3600, ["cypress", "e2e", "performance"]),
    }
    assert [layer.allow_partial_success for layer in settings.layers.values()] == [True, False, False, True]
    assert [layer.fail_fast_strategy for layer in settings.layers.values()] == [
        "immediate",
        *["disabled"] * 3,
    ]
    assert [layer.limits.max_memory_mb for layer in settings.layers.values()] == [512, 1024, 2048, 4096]
    assert not any(
        layer.limits.project_written or layer.project_written for layer in settings.layers.values()
    )
    assert not any(service.project_written for service in settings.services.values())
    assert settings.modes["nightly"] == ("fast_feedback", "core_integration", "service_integration")
    assert len(settings.categories) == 18
    assert settings.categories["integration"].dependencies == ("unit", "database")
    assert settings.notes == settings.sources == ()
    assert not (tmp_path / ".apex").exists()


def test_a_copy_of_the_shipped_files_counts_as_no_configuration(write) -> None:
    write("layers", (SHIPPED / "test_layers.yaml").read_text())
    root = write("categories", (SHIPPED / "categories.yaml").read_text())
    assert load_settings(root).sources == ()


def test_the_short_sample_layer_loads_and_replaces_the_shipped_layers(write) -> None:
    settings = load_settings(write("layers", SAMPLE))
    layer = settings.layers["fast_feedback"]
    assert list(settings.layers) == ["fast_feedback"]
    assert (layer.name, layer.max_duration_seconds, layer.mode) == ("Fast Feedback", 120.0, "sequential")
    assert [(place.name, place.timeout_seconds) for place in layer.categories] == [
        ("smoke", 60),
        ("unit", 120),
    ]
    assert (layer.fail_fast_strategy, layer.min_pass_rate, layer.max_failures) == ("disabled", 0.95, 5)
    assert layer.project_written
    kept = ("fast_feedback", "nightly", "hybrid", "commit", "development", "ci", "weekend")
    assert settings.modes == dict.fromkeys(kept, ("fast_feedback",))
    assert settings.execution.global_timeout_seconds is None
    assert settings.sources == ("test_framework/config/test_layers.yaml",)
    assert settings.notes == ()


def test_the_override_sample_changes_the_shipped_layer_in_its_environment_only(write) -> None:
    root = write("layers", SAMPLE_OVERRIDES)
    test, staging = load_settings(root), load_settings(root, "staging")
    assert list(test.layers) == list(load_settings(root / "nowhere").layers)
    assert test.layers["fast_feedback"].max_duration_seconds == 120
    assert staging.layers["fast_feedback"].max_duration_seconds == 180
    assert staging.layers["fast_feedback"].llm.mode == "real"
    assert staging.layers["fast_feedback"].llm.timeout_seconds == 30
    assert staging.layers["fast_feedback"].min_pass_rate == 0.98
    assert not staging.layers["fast_feedback"].limits.project_written
    assert not staging.layers["fast_feedback"].project_written


def test_a_category_first_named_in_a_layer_is_thereby_defined(write) -> None:
    settings = load_settings(write("layers", SAMPLE_CUSTOM))
    assert settings.categories["custom_category"].priority == "MEDIUM"
    assert settings.layer_of("custom_category") == "custom_layer"
    assert "nightly" not in settings.modes


def test_categories_are_laid_over_the_shipped_catalogue_key_by_key(write) -> None:
    root = write("categories", "categories:\n  unit: {timeout_seconds: 7}\n  mine: {paths: [tests/mine]}\n")
    settings = load_settings(root)
    assert (settings.categories["unit"].timeout_seconds, settings.categories["unit"].priority) == (7, "HIGH")
    assert settings.categories["mine"].paths == ("tests/mine",)
    assert len(settings.categories) == 19
    assert len(settings.layers) == 4


def test_other_sections_are_laid_over_the_shipped_ones_when_layers_are_not_written(write) -> None:
    root = write(
        "apex.yaml",
        "execution_config: {global_timeout_minutes: 5}\nmodes: {mine: [fast_feedback]}\n"
        "service_dependencies: {redis: {startup_timeout_seconds: 3}}\n",
    )
    settings = load_settings(root)
    assert settings.execution.global_timeout_seconds == 300
    assert settings.execution.max_memory_usage_mb == 6144
    assert settings.modes["mine"] == ("fast_feedback",)
    assert "nightly" in settings.modes
    redis = settings.services["redis"]
    assert (redis.startup_timeout_seconds, redis.health_check_endpoint) == (3, "localhost:6379")
    assert redis.project_written
    assert not settings.services["postgresql"].project_written


def test_the_first_file_in_the_order_of_look_up_wins_and_a_note_says_so(write) -> None:
    write("apex.yaml", "tests: {interpreter: a}\n")
    root = write(
        "pyproject.toml", "[tool.apex.tests]\ninterpreter = 'b'\n[tool.apex.modes]\nm = ['fast_feedback']\n"
    )
    settings = load_settings(root)
    assert settings.tests.interpreter == "a"
    assert settings.modes["m"] == ("fast_feedback",)
    assert settings.sources == ("apex.yaml", "pyproject.toml")
    assert settings.notes == (
        "pyproject.toml:1:12: tool.apex.tests: ignored, apex.yaml comes first and has this section too",
    )


def test_development_and_production_are_names_of_dev_and_prod(write) -> None:
    root = write(
        "layers",
        SAMPLE + "    environment_overrides:\n      production: {fail_fast: true}\n"
        "environments:\n  development:\n    layer_overrides:\n"
        "      fast_feedback: {max_duration_minutes: 9}\n",
    )
    for name in ("prod", "production"):
        assert load_settings(root, name).layers["fast_feedback"].fail_fast_strategy == "immediate"
        assert load_settings(root, name).environment == "prod"
    assert load_settings(root, "dev").layers["fast_feedback"].max_duration_seconds == 540
    assert load_settings(root, "test").layers["fast_feedback"].max_duration_seconds == 120


def test_an_unknown_environment_is_named_with_the_nearest_one(tmp_path) -> None:
    with pytest.raises(UserError, match=r"^unknown environment 'stagin'; did you mean 'staging'\?$"):
        load_settings(tmp_path, "stagin")


def test_keys_of_legacy_files_load_with_a_note(write) -> None:
    root = write("categories", "categories:\n  cypress:\n    requires_frontend: true\n    tags: [a]\n")
    settings = load_settings(root)
    assert settings.notes == (
        (
            "test_framework/config/categories.yaml:3:5: categories.cypress.requires_frontend: "
            "has no effect (a key of the legacy runner: layers list what they need in "
            "`required_services`), remove it when convenient"
        ),
    )
    assert settings.categories["cypress"].tags == ("a",)


def test_a_layer_s_number_of_lanes_has_its_effect_and_its_other_limits_are_named(write) -> None:
    body = "layers:\n  a:\n    categories: [{name: x}]\n    resource_limits: {max_parallel_instances: 2%s}\n"
    assert load_settings(write("apex.yaml", body % "")).notes == ()
    (note,) = load_settings(write("apex.yaml", body % ", max_memory_mb: 512")).notes
    assert "max_parallel_instances" not in note
    assert note.startswith("apex.yaml:4:50: layers.*.resource_limits.*: inert until ")


def test_an_inert_key_is_noted_once_per_file_and_only_where_it_asks_for_something(write) -> None:
    root = write(
        "apex.yaml",
        "layers:\n  a:\n    background_execution: false\n    conflicts: []\n    categories:\n"
        "      - name: x\n        resource_requirements: {min_memory_mb: 64, requires_real_llm: true}\n"
        "      - name: z\n        resource_requirements: {min_memory_mb: 64, requires_redis: true}\n",
    )
    (note,) = load_settings(root).notes
    assert note.startswith("apex.yaml:7:33: layers.*.categories.*.resource_requirements.*: inert until ")
    assert note.endswith(" (2 places)")


def test_a_service_that_names_layers_is_required_by_them(write) -> None:
    root = write(
        "layers",
        SAMPLE + "service_dependencies:\n  kafka:\n    required_for_layers: [fast_feedback]\n"
        "    command: run-kafka --port 9092\n",
    )
    settings = load_settings(root)
    assert settings.layers["fast_feedback"].required_services == ("kafka",)
    assert settings.services["kafka"].command == ("run-kafka", "--port", "9092")


def modules_after_loading(root: Path, environment: str = "test") -> set[str]:
    code = (
        "import sys; from pathlib import Path; from test_framework.configuration.load import load_settings;"
        "load_settings(Path(sys.argv[1]), sys.argv[2]); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root), environment],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(test_framework.__file__).parent.parent)},
    )
    return set(done.stdout.split())


def test_shipped_defaults_are_loaded_without_yaml_and_pydantic(tmp_path) -> None:
    assert not {"yaml", "pydantic", "asyncio", "rich", "tomllib"} & modules_after_loading(tmp_path)


def test_a_kept_configuration_is_loaded_without_yaml_and_pydantic(write) -> None:
    write("pyproject.toml", "[tool.apex.modes]\nm = ['fast_feedback']\n")
    root = write("layers", SAMPLE + "    conflicts: [api]\n")
    assert {"yaml", "pydantic"} <= modules_after_loading(root)
    assert not {"yaml", "pydantic", "asyncio", "tomllib"} & modules_after_loading(root, "staging")
    assert (root / ".apex" / ".gitignore").read_text() == "*\n"
    assert os.stat(root / ".apex").st_mode & 0o077 == 0
    assert [path.name for path in (root / ".apex" / "cache").iterdir()] == ["configuration"]
    assert {"yaml", "pydantic"} <= modules_after_loading(write("layers", SAMPLE))


def test_what_was_kept_gives_the_same_settings(write) -> None:
    root = write("layers", SAMPLE + "    conflicts: [api]\n    success_criteria: {min_pass_rate: 0.5}\n")
    first = load_settings(root, "dev")
    assert (root / ".apex" / "cache" / "configuration").exists()
    assert load_settings(root, "dev") == first


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\xff\n{}", b'0 0\n{"mapping": 1}'])
def test_a_damaged_cache_is_read_afresh(write, damage) -> None:
    root = write("layers", SAMPLE)
    first = load_settings(root)
    cache = root / ".apex" / "cache" / "configuration"
    header, _, body = cache.read_bytes().partition(b"\n")
    cache.write_bytes(damage or header + b"\n" + body.replace(b"Fast Feedback", b"Evil Feedback"))
    assert load_settings(root) == first


def test_where_nothing_can_be_written_loading_works_all_the_same(write) -> None:
    root = write("layers", SAMPLE)
    (root / ".apex").write_text("a file where the directory should be")
    assert list(load_settings(root).layers) == ["fast_feedback"]
    assert (root / ".apex").read_text() == "a file where the directory should be"


def test_the_schema_knows_every_section_and_is_json() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert set(schema["properties"]) >= {"layers", "categories", "modes", "tests", "service_dependencies"}
    assert schema["additionalProperties"] is False
    assert schema["$schema"].endswith("2020-12/schema")


def test_a_layer_that_a_mode_names_twice_runs_once(write) -> None:
    root = write("apex.yaml", "modes: {m: [fast_feedback, core_integration, fast_feedback]}\n")
    assert load_settings(root).modes["m"] == ("fast_feedback", "core_integration")


def test_the_whole_configuration_may_stand_in_pyproject(write) -> None:
    root = write(
        "pyproject.toml",
        """\
[tool.apex]
modes = { mine = ["quick"] }
plugins = ["ours.agents:make"]

[[tool.apex.layers.quick.categories]]
name = "unit"
timeout_seconds = 30

[tool.apex.layers.quick.environment_overrides.production]
max_duration_minutes = 7.5

[tool.apex.monitoring]
alerts.slow = { when = "budget_used > 0.9", receivers = ["team"] }
receivers.team = { kind = "webhook", url_variable = "TEAM_HOOK" }
""",
    )
    settings = load_settings(root, "prod")
    assert settings.layers["quick"].max_duration_seconds == 450
    assert settings.layers["quick"].categories[0].timeout_seconds == 30
    assert settings.modes["mine"] == ("quick",)
    assert settings.plugins == ("ours.agents:make",)
    assert settings.monitoring["receivers"] == {"team": {"kind": "webhook", "url_variable": "TEAM_HOOK"}}
    assert [note.split(" inert")[0] for note in settings.notes] == [
        "pyproject.toml:12:12: tool.apex.monitoring:",
    ]


def test_the_garbage_collector_is_as_it_was_after_a_mistake(write) -> None:
    root = write("apex.yaml", "x: 1\n")
    for switch, expected in ((gc.disable, False), (gc.enable, True)):
        switch()
        with pytest.raises(UserError):
            load_settings(root)
        assert gc.isenabled() is expected


def test_a_service_with_a_command_of_its_own_needs_only_what_it_says_itself(write) -> None:
    text = "service_dependencies:\n  backend_service: {command: [serve]}\n  auth_service: {build_required: false}\n"
    services = load_settings(write("apex.yaml", text)).services
    assert services["backend_service"].depends_on == ()
    assert services["auth_service"].depends_on == ("postgresql", "redis")
