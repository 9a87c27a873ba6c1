"""Names that refer to something: do they exist, do the arrows go round, does a thing stand in two places?

Rules: works on the mapping of all sources together, for the base and for every environment that overrides a
layer; positions come from the document that wrote the name. What shipped defaults alone say is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from test_framework.configuration.mistakes import Mistake, Path, nearest, quoted, written
from test_framework.configuration.sense import check_sense
from test_framework.core.names import ENVIRONMENT_NAMES, ENVIRONMENTS
from test_framework.core.overrides import layer_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from test_framework.configuration.documents import Document

RESERVED_MODES = frozenset({"all"})


def check_graph(mapping: Mapping[str, Any], documents: Mapping[str, Document]) -> list[Mistake]:
    """All mistakes of reference. `documents`: for each top-level section, the document that wrote it."""
    graph = Graph(mapping, documents)
    return list(dict.fromkeys([*graph.check(), *check_sense(graph)]))


class Graph:
    """The names of all sources together, and where they were written."""

    def __init__(self, mapping: Mapping[str, Any], documents: Mapping[str, Document]) -> None:
        self.mapping = mapping
        self.documents = documents
        self.layers = frozenset(mapping.get("layers", ()))
        self.services = frozenset(mapping.get("service_dependencies", ()))
        bodies = [*mapping.get("layers", {}).values()]
        bodies += [
            layer_mapping(mapping, layer, environment)
            for environment in self.overriding()
            for layer in self.layers
        ]
        named = {place["name"] for body in bodies for place in body.get("categories", ())}
        self.categories = frozenset(mapping.get("categories", ())) | named

    def check(self) -> Iterator[Mistake]:
        yield from self.check_categories()
        yield from self.check_services()
        yield from self.check_modes()
        yield from self.check_execution()
        yield from self.check_environments()
        for environment in (None, *self.overriding()):
            yield from self.check_layers(environment)

    def wrong(self, path: Path, text: str, aim: str = "value") -> Iterator[Mistake]:
        """The mistake, where a document of the project holds the path: shipped values are not the user's."""
        document = self.documents.get(str(path[0]))
        if document is not None and document.holds(path):
            yield document.mistake(path, text, "key" if aim == "key" else "value")

    def holds(self, path: Path) -> bool:
        """Did the project write a value there, be it a wrong one?"""
        document = self.documents.get(str(path[0]))
        return document is not None and document.holds(path)

    def unknown(
        self, path: Path, names: Iterable[str], known: frozenset[str], what: str
    ) -> Iterator[Mistake]:
        for index, name in enumerate(names):
            if name not in known:
                text = f"unknown {what} {quoted(name)}"
                yield from self.wrong((*path, index), text + _suggestion(name, known))

    def check_categories(self) -> Iterator[Mistake]:
        bodies = self.mapping.get("categories", {})
        for name, body in bodies.items():
            at = ("categories", name)
            for key in ("dependencies", "conflicts"):
                yield from self.unknown((*at, key), body.get(key, ()), self.categories, "category")
            parent = body.get("parent")
            if parent is not None and parent not in self.categories:
                text = f"unknown category {quoted(parent)}{nearest(parent, self.categories)}"
                yield from self.wrong((*at, "parent"), text)
        for key in ("dependencies", "parent"):
            arrows = {name: _texts(body.get(key)) for name, body in bodies.items()}
            yield from self.check_cycles("categories", key, arrows, "categories")

    def check_services(self) -> Iterator[Mistake]:
        bodies = self.mapping.get("service_dependencies", {})
        for name, body in bodies.items():
            at = ("service_dependencies", name)
            yield from self.unknown((*at, "depends_on"), body.get("depends_on", ()), self.services, "service")
            layers = body.get("required_for_layers", ())
            yield from self.unknown((*at, "required_for_layers"), layers, self.layers, "layer")
        arrows = {name: body.get("depends_on", ()) for name, body in bodies.items()}
        yield from self.check_cycles("service_dependencies", "depends_on", arrows, "services")

    def check_modes(self) -> Iterator[Mistake]:
        for mode, layers in self.mapping.get("modes", {}).items():
            if mode in RESERVED_MODES:
                text = f"the mode {mode} is built in, choose another name"
                yield from self.wrong(("modes", mode), text, "key")
            yield from self.unknown(("modes", mode), layers, self.layers, "layer")

    def check_execution(self) -> Iterator[Mistake]:
        execution = self.mapping.get("execution_config", {})
        at = ("execution_config", "background_execution", "background_layers")
        listed = execution.get("background_execution", {}).get("background_layers", ())
        yield from self.unknown(at, listed, self.layers, "layer")
        for layer, strategy in execution.get("fail_fast_strategy", {}).items():
            here = ("execution_config", "fail_fast_strategy", layer)
            if layer not in self.layers:
                text = f"unknown layer {quoted(layer)}{_suggestion(layer, self.layers)}"
                yield from self.wrong(here, text, "key")
            elif strategy == "disabled" and self.mapping["layers"][layer].get("fail_fast") is True:
                text = f"disabled, but layers.{layer}.fail_fast is true, keep one of the two"
                yield from self.wrong(here, text)

    def check_environments(self) -> Iterator[Mistake]:
        sections: list[tuple[str, ...]] = [("environments",)]
        sections += [("layers", layer, "environment_overrides") for layer in sorted(self.layers)]
        for at in sections:
            here: Any = self.mapping
            for part in at:
                here = here.get(part, {})
            seen: dict[str, str] = {}
            for name in here:
                first = seen.setdefault(ENVIRONMENT_NAMES[name], name)
                if first != name:
                    text = f"the same environment as {quoted(first)}, write its overrides in one place"
                    yield from self.wrong((*at, name), text, "key")
        for name, section in self.mapping.get("environments", {}).items():
            for layer in section.get("layer_overrides", {}):
                if layer not in self.layers:
                    text = f"unknown layer {quoted(layer)}{_suggestion(layer, self.layers)}"
                    yield from self.wrong(("environments", name, "layer_overrides", layer), text, "key")

    def overriding(self) -> list[str]:
        """The environments that change something in a layer."""
        names = set(self.mapping.get("environments", ()))
        for body in self.mapping.get("layers", {}).values():
            names |= set(body.get("environment_overrides", ()))
        return [name for name in ENVIRONMENTS if name in {ENVIRONMENT_NAMES[found] for found in names}]

    def check_layers(self, environment: str | None) -> Iterator[Mistake]:
        bodies = {layer: self.body(layer, environment) for layer in self.mapping.get("layers", {})}
        places: dict[str, tuple[str, int]] = {}
        for layer, body in bodies.items():
            if "categories" not in body:
                yield from self.wrong(("layers", layer), "the key 'categories' is missing, add it", "key")
            for key, known, what in (
                ("dependencies", self.layers, "layer"),
                ("conflicts", self.layers | self.categories, "layer or category"),
                ("required_services", self.services, "service"),
            ):
                if not known.issuperset(body.get(key, ())):
                    at = self.origin(layer, key, environment)
                    yield from self.unknown(at, body[key], known, what)
            for index, place in enumerate(body.get("categories", ())):
                first = places.setdefault(place["name"], (layer, index))
                if first != (layer, index):
                    where = written((*self.origin(first[0], "categories", environment), first[1]))
                    text = f"the category {quoted(place['name'])} already stands in {where}, keep it in one place"
                    at = self.origin(layer, "categories", environment)
                    yield from self.wrong((*at, index, "name"), text)
        arrows = {layer: body.get("dependencies", ()) for layer, body in bodies.items()}
        yield from self.check_cycles("layers", "dependencies", arrows, "layers", environment)
        yield from self.check_order(bodies, environment)

    def check_order(self, bodies: Mapping[str, Any], environment: str | None) -> Iterator[Mistake]:
        for layer, body in bodies.items():
            own = body.get("execution_order")
            for needed in body.get("dependencies", ()):
                other = bodies.get(needed, {}).get("execution_order")
                if own is not None and other is not None and needed != layer and own < other:
                    text = f"{own} comes before {other} of {quoted(needed)}, which this layer depends on"
                    yield from self.wrong(self.origin(layer, "execution_order", environment), text)

    def body(self, layer: str, environment: str | None) -> Mapping[str, Any]:
        if environment is None:
            found: Mapping[str, Any] = self.mapping["layers"][layer]
            return found
        return layer_mapping(self.mapping, layer, environment)

    def origin(self, layer: str, key: str, environment: str | None) -> Path:
        """Where the value that holds in the environment was written: an override's place or the base."""
        names = [name for name, canonical in ENVIRONMENT_NAMES.items() if canonical == environment]
        overrides = self.mapping["layers"][layer].get("environment_overrides", {})
        for name in names:
            if key in overrides.get(name, ()):
                return ("layers", layer, "environment_overrides", name, key)
        for name in names:
            section = self.mapping.get("environments", {}).get(name, {})
            if key in section.get("layer_overrides", {}).get(layer, ()):
                return ("environments", name, "layer_overrides", layer, key)
        return ("layers", layer, key)

    def check_cycles(
        self,
        section: str,
        key: str,
        arrows: Mapping[str, Iterable[str]],
        what: str,
        environment: str | None = None,
    ) -> Iterator[Mistake]:
        for cycle in cycles(arrows):
            text = f"{what} wait for each other: {' -> '.join([*cycle, cycle[0]])}, remove one of these"
            for name in cycle:
                at = self.origin(name, key, environment) if section == "layers" else (section, name, key)
                found = list(self.wrong(at, text))
                if found:
                    yield found[0]
                    break


def _suggestion(name: str, known: frozenset[str]) -> str:
    listed = f", known: {', '.join(sorted(known))}" if 0 < len(known) <= 12 else ", define it or remove it"
    return nearest(name, known) or listed


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def cycles(arrows: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Rings of names, each named once from its first name in the mapping's order. Without recursion."""
    done: set[str] = set()
    rings: list[list[str]] = []
    for start in arrows:
        path: list[str] = []
        on_path: dict[str, int] = {}
        todo: list[tuple[str, bool]] = [(start, True)]
        while todo:
            name, entering = todo.pop()
            if not entering:
                path.pop()
                del on_path[name]
                done.add(name)
            elif name in on_path:
                rings.append(path[on_path[name] :])
            elif name not in done:
                on_path[name] = len(path)
                path.append(name)
                todo.append((name, False))
                todo += [(need, True) for need in reversed(list(arrows.get(name, ()))) if need in arrows]
    return rings
