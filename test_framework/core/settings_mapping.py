"""From a checked mapping to settings.

Rules: the mapping has the keys of test_layers.yaml plus `categories`; it was checked before (a wrong one may
raise anything) and is never changed; a JSON round trip of it gives the same settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from test_framework.core.names import ENVIRONMENT_NAMES
from test_framework.core.overrides import in_order, layer_mapping
from test_framework.core.settings import (
    CategorySettings,
    ExecutionSettings,
    LanguageModels,
    LayerCategory,
    LayerSettings,
    ResourceLimits,
    ServiceSettings,
    Settings,
    TestsSettings,
)

_NOTHING: Mapping[str, Any] = MappingProxyType({})
Kind = TypeVar("Kind")


def settings_from_mapping(
    mapping: Mapping[str, Any], environment: str, notes: Iterable[str] = (), sources: Iterable[str] = ()
) -> Settings:
    """The settings of a checked mapping for one environment (any accepted name of it).

    `mapping["origin"]` says what the project wrote itself:
    {"layers": [ids], "limits": [ids], "execution": bool, "services": [names]}; without it, everything.
    """
    environment = ENVIRONMENT_NAMES[environment]
    origin = mapping.get("origin", _NOTHING)
    own_layers = origin.get("layers", mapping["layers"])
    own_limits = origin.get("limits", mapping["layers"])
    bodies = {layer: layer_mapping(mapping, layer, environment) for layer in mapping["layers"]}
    catalogue = {name: _category(name, body) for name, body in mapping.get("categories", _NOTHING).items()}
    for body in bodies.values():
        for place in body.get("categories", ()):
            catalogue.setdefault(place["name"], CategorySettings(name=place["name"]))
    own_services = origin.get("services", mapping.get("service_dependencies", ()))
    services = {
        name: _service(name, body, name in own_services)
        for name, body in mapping.get("service_dependencies", _NOTHING).items()
    }
    execution = mapping.get("execution_config", _NOTHING)
    strategies = execution.get("fail_fast_strategy", _NOTHING)
    rank = {layer: (body.get("execution_order", i + 1), i) for i, (layer, body) in enumerate(bodies.items())}
    needs = {layer: body.get("dependencies", ()) for layer, body in bodies.items()}
    layers = {
        layer: _layer(
            layer,
            {**bodies[layer], "execution_order": rank[layer][0], "fail_fast_strategy": strategies.get(layer)},
            catalogue,
            services,
            layer in own_layers,
            layer in own_limits,
        )
        for layer in in_order(needs, rank)
    }
    return Settings(
        environment=environment,
        layers=layers,
        categories=catalogue,
        modes={mode: tuple(dict.fromkeys(ids)) for mode, ids in mapping.get("modes", _NOTHING).items()},
        execution=_execution(execution, bool(origin.get("execution", True))),
        services=services,
        tests=_made(TestsSettings, mapping.get("tests", _NOTHING)),
        plugins=tuple(mapping.get("plugins", ())),
        history=mapping.get("history", _NOTHING),
        monitoring=mapping.get("monitoring", _NOTHING),
        notes=tuple(notes),
        sources=tuple(sources),
    )


def _made(kind: Callable[..., Kind], values: Mapping[str, Any], **more: Any) -> Kind:
    """A dataclass from those values it has fields for; lists become tuples, a null takes the default."""
    known = _fields(kind)
    for name, value in values.items():
        if value is not None and name in known and name not in more:
            more[name] = tuple(dict.fromkeys(value)) if isinstance(value, list) else value
    return kind(**more)


@cache
def _fields(kind: Any) -> frozenset[str]:
    return frozenset(item.name for item in fields(kind))


def _words(value: Any) -> tuple[str, ...]:
    """A command: a list of words, or a line of text split as a shell splits words (and never run by one)."""
    if isinstance(value, str):
        import shlex

        return tuple(shlex.split(value))
    return tuple(value or ())


def _category(name: str, body: Mapping[str, Any]) -> CategorySettings:
    wanted = body.get("requires_environment") or ()
    names = (wanted,) if isinstance(wanted, str) else wanted
    environments = tuple(dict.fromkeys(ENVIRONMENT_NAMES[environment] for environment in names))
    command = _words(body.get("command"))
    return _made(CategorySettings, body, name=name, requires_environment=environments, command=command)


def _service(name: str, body: Mapping[str, Any], own: bool) -> ServiceSettings:
    command, health = _words(body.get("command")), _words(body.get("health_check_command"))
    return _made(
        ServiceSettings, body, name=name, command=command, health_check_command=health, project_written=own
    )


def _execution(body: Mapping[str, Any], own: bool) -> ExecutionSettings:
    background = body.get("background_execution", _NOTHING)
    minutes = body.get("global_timeout_minutes")
    return _made(
        ExecutionSettings,
        {**background, **body},
        background_enabled=background.get("enabled", True),
        global_timeout_seconds=None if minutes is None else minutes * 60.0,
        limits_project_written=own,
    )


def _layer(
    layer: str,
    body: Mapping[str, Any],
    catalogue: Mapping[str, CategorySettings],
    services: Mapping[str, ServiceSettings],
    own: bool,
    own_limits: bool,
) -> LayerSettings:
    places = [_place(place, catalogue[place["name"]]) for place in body.get("categories", ())]
    minutes = body.get("max_duration_minutes")
    listed = body.get("required_services", ())
    named = (service.name for service in services.values() if layer in service.required_for_layers)
    fail_fast, strategy = body.get("fail_fast"), body["fail_fast_strategy"]
    if strategy is None:
        strategy = "immediate" if fail_fast else "disabled"
    elif strategy == "immediate" and fail_fast is False:
        strategy = "disabled"
    return _made(
        LayerSettings,
        {**body, **body.get("success_criteria", _NOTHING)},
        id=layer,
        name=body.get("name", layer),
        max_duration_seconds=None if minutes is None else minutes * 60.0,
        mode=body.get("execution_mode", "parallel"),
        fail_fast=bool(fail_fast),
        fail_fast_strategy=strategy,
        background=body.get("background_execution", False),
        categories=_in_sequence(places, catalogue),
        required_services=tuple(dict.fromkeys([*listed, *named])),
        limits=_made(ResourceLimits, body.get("resource_limits", _NOTHING), project_written=own_limits),
        llm=_made(LanguageModels, body.get("llm_requirements", _NOTHING)),
        project_written=own,
    )


def _in_sequence(
    places: list[LayerCategory], catalogue: Mapping[str, CategorySettings]
) -> tuple[LayerCategory, ...]:
    """By `priority_order`, then as in the file; each after those of the layer that it depends on."""
    by_name = {place.name: place for place in places}
    rank = {name: (place.priority_order, order) for order, (name, place) in enumerate(by_name.items())}
    needs = {name: catalogue[name].dependencies for name in by_name}
    return tuple(by_name[name] for name in in_order(needs, rank))


def _place(body: Mapping[str, Any], category: CategorySettings) -> LayerCategory:
    needs = body.get("resource_requirements", _NOTHING)
    lanes = body.get("max_parallel_instances", category.max_parallel_instances)
    return _made(
        LayerCategory,
        {**body, **body.get("filters", _NOTHING), **needs},
        timeout_seconds=float(body.get("timeout_seconds", category.timeout_seconds)),
        max_lanes=1 if lanes is None and not category.parallel_safe else lanes,
        requirements=tuple(
            key.removeprefix("requires_")
            for key, value in needs.items()
            if value is True and key.startswith("requires_")
        ),
    )
