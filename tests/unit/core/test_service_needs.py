"""Which services a run needs, and in which order they start."""

from __future__ import annotations

import pytest

from test_framework.core.service_needs import needed, only_told
from test_framework.core.settings import (
    LayerCategory,
    LayerSettings,
    ServiceSettings,
    Settings,
)
from test_framework.model.errors import UserError

SHIPPED = {
    "postgresql": ServiceSettings(name="postgresql", health_check_endpoint="localhost:5432"),
    "redis": ServiceSettings(name="redis"),
    "backend_service": ServiceSettings(name="backend_service", depends_on=("postgresql", "redis")),
}


def settings(services: dict[str, ServiceSettings], **layers: LayerSettings) -> Settings:
    return Settings(environment="test", layers=layers, categories={}, modes={}, services=services)


def layer(name: str, *services: str, own: bool = False, needs: tuple[str, ...] = ()) -> LayerSettings:
    place = LayerCategory(name="api", timeout_seconds=9.0, requirements=needs)
    return LayerSettings(
        id=name, name=name, required_services=services, categories=(place,), project_written=own
    )


def test_what_only_the_defaults_list_is_left_out_by_name() -> None:
    found = needed(
        settings(SHIPPED, core=layer("core", "redis", "backend_service")), ["core"], real_services=False
    )
    assert not found.services
    assert len(found.notes) == 1
    assert "redis, backend_service" in found.notes[0]


def test_real_services_start_the_recipes_and_go_without_what_only_the_defaults_list() -> None:
    names = ("postgresql", "redis", "backend_service")
    found = needed(settings(SHIPPED, core=layer("core", *names)), ["core"], real_services=True)
    assert [each.name for each in found.services] == ["postgresql", "redis"]
    assert found.layers == {"postgresql": {"core"}, "redis": {"core"}}
    (note,) = found.notes
    assert "runs without backend_service" in note
    assert "service_dependencies.backend_service.command" in note


def test_a_plan_starts_nothing_and_says_what_a_run_would_start() -> None:
    needs = needed(settings(SHIPPED, core=layer("core", "postgresql", "redis")), ["core"], real_services=True)
    told = only_told(needs)
    assert told.services == ()
    assert told.notes == ("starts postgresql, redis",)


def test_what_a_layer_of_the_project_lists_has_to_be_startable() -> None:
    with pytest.raises(UserError, match="backend_service") as refused:
        needed(
            settings(SHIPPED, core=layer("core", "backend_service", own=True)), ["core"], real_services=True
        )
    assert "service_dependencies.backend_service.command" in refused.value.hint


def test_what_the_project_configures_is_required_with_all_that_it_depends_on() -> None:
    backend = ServiceSettings(
        name="backend_service", command=("serve",), depends_on=("redis",), project_written=True
    )
    services = {**SHIPPED, "backend_service": backend}
    found = needed(
        settings(services, a=layer("a", "backend_service"), b=layer("b", "redis")),
        ["a", "b"],
        real_services=False,
    )
    assert [each.name for each in found.services] == ["redis", "backend_service"]
    assert found.layers["redis"] == {"a"}
    assert found.notes == ()


def test_a_layer_of_the_project_requires_what_it_lists_and_what_its_categories_need() -> None:
    own = layer("own", "redis", own=True, needs=("postgresql", "real_llm"))
    found = needed(settings(SHIPPED, own=own), ["own"], real_services=False)
    assert {each.name for each in found.services} == {"redis", "postgresql"}


def test_without_layers_real_services_are_those_of_the_project_or_the_recipes() -> None:
    assert [each.name for each in needed(settings(SHIPPED), [], real_services=True).services] == [
        "postgresql",
        "redis",
    ]
    mine = ServiceSettings(name="search", command=("serve",), project_written=True)
    found = needed(settings({**SHIPPED, "search": mine}), [], real_services=True)
    assert [each.name for each in found.services] == ["search"]
    assert found.layers == {"search": frozenset()}
    assert not needed(settings(SHIPPED), [], real_services=False).services


def test_a_service_that_runs_elsewhere_needs_an_address() -> None:
    there = ServiceSettings(name="search", health_check_endpoint="localhost:9", project_written=True)
    nowhere = ServiceSettings(name="search", project_written=True)
    own = layer("own", "search", own=True)
    assert needed(settings({"search": there}, own=own), ["own"], real_services=False).services
    with pytest.raises(UserError, match="nobody says how to start search"):
        needed(settings({"search": nowhere}, own=own), ["own"], real_services=False)
