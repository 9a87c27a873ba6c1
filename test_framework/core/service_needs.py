"""Which services a run needs, and in which order they start: from the layers that were chosen.

Rules: pure. What the project configures itself is required; what only the shipped defaults list is left out by name,
unless real services were asked for and a built-in recipe serves. A service comes after those it depends on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from test_framework.core.settings import LayerSettings, ServiceSettings, Settings
from test_framework.model.errors import UserError

RECIPES = ("postgresql", "redis")
"""services that can be started without being configured"""


@dataclass(frozen=True, slots=True)
class Needs:
    """The services of one run."""

    services: tuple[ServiceSettings, ...] = ()
    """in the order in which they start"""
    layers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """service -> the layers that need it; empty: it serves the whole run"""
    notes: tuple[str, ...] = ()


GIVEN = {
    "postgresql": ("DATABASE_URL", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"),
    "redis": ("REDIS_PASSWORD",),
}
"""variables that tests are given of a service, beside <NAME>_URL, <NAME>_HOST and <NAME>_PORT"""


def word_of(service: str) -> str:
    """The service's name as the variables that tell of it begin."""
    return "".join(each if each.isalnum() else "_" for each in service).upper()


def variables(needs: Needs) -> list[str]:
    """Every variable that tests may be given of these services."""
    names = [service.name for service in needs.services]
    found = [f"{word_of(name)}_{what}" for name in names for what in ("URL", "HOST", "PORT")]
    return found + [variable for name in names for variable in GIVEN.get(name, ())]


def needed(settings: Settings, layers: Sequence[str], *, real_services: bool) -> Needs:
    """The services of these layers; of a run without layers those that are configured, where real ones are wanted.

    Raises `UserError` where real services are wanted and one of them is nobody's to start.
    """
    asked: dict[str, set[str]] = {}
    listed: dict[str, None] = {}
    for name in layers:
        layer = settings.layers[name]
        for service in _listed(layer, settings.services):
            own = settings.services[service].project_written or layer.project_written
            if own or (real_services and service in RECIPES):
                asked.setdefault(service, set()).add(name)
            else:
                listed.setdefault(service)
    if not layers and real_services:
        written = [each.name for each in settings.services.values() if each.project_written]
        asked = {name: set() for name in written or RECIPES if name in settings.services}
    order = _in_order(asked, settings.services)
    nobody = [name for name in order if not _can_be_had(settings.services[name])]
    if nobody:
        raise UserError(
            f"nobody says how to start {', '.join(nobody)}",
            "\n".join(
                f"configure service_dependencies.{name}.command, or where it runs: health_check_endpoint"
                for name in nobody
            ),
        )
    needs = {name: frozenset(_users(name, asked, settings.services)) for name in order}
    without = [service for service in listed if service not in needs]
    return Needs(
        tuple(settings.services[name] for name in order), needs, _notes(without, real_services=real_services)
    )


def only_told(needs: Needs) -> Needs:
    """What a plan says of services, of which it starts none."""
    names = ", ".join(service.name for service in needs.services)
    return Needs(notes=(*((f"starts {names}",) if names else ()), *needs.notes))


def _notes(without: Sequence[str], *, real_services: bool) -> tuple[str, ...]:
    """What the run goes without, and how it could be had."""
    if not without:
        return ()
    how = (
        f"say how they start: service_dependencies.{without[0]}.command"
        if real_services
        else "--real-services starts some"
    )
    return (f"runs without {', '.join(without)}, which this project does not configure ({how})",)


def plug_in_of(provider: str) -> str:
    """The plug-in that `provider: plugin:NAME` names; '' where it is one of ours."""
    return provider.removeprefix("plugin:") if provider.startswith("plugin:") else ""


def _can_be_had(service: ServiceSettings) -> bool:
    known = service.name in RECIPES or service.command or plug_in_of(service.provider)
    return bool(known or (service.project_written and service.health_check_endpoint))


def _listed(layer: LayerSettings, services: Mapping[str, ServiceSettings]) -> list[str]:
    """The services that a layer and its categories name."""
    found = list(layer.required_services)
    found += [word for place in layer.categories for word in place.requirements]
    return [name for name in dict.fromkeys(found) if name in services]


def _in_order(names: Iterable[str], services: Mapping[str, ServiceSettings]) -> list[str]:
    """The services and all that they depend on, those first (circles are refused when settings are read)."""
    order: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in order or name in above or name not in services:
            return
        for need in services[name].depends_on:
            visit(need, (*above, name))
        order[name] = None

    for name in names:
        visit(name, ())
    return list(order)


def _users(
    name: str, asked: Mapping[str, Iterable[str]], services: Mapping[str, ServiceSettings]
) -> set[str]:
    """Layers that need the service, themselves or through another service."""
    return {
        layer
        for service, layers in asked.items()
        if name in _in_order([service], services)
        for layer in layers
    }
