"""In which order the layers and categories of a plan may run: what waits for what, and what is kept apart.

Rules: dependencies and conflicts speak of what is in this run only; a dependency on a category without tests leads on
to what that one depends on. `sequential` runs one layer after another; `waterfall` falls by steps, and layers of the
same `execution_order` are one step; `parallel` waits for nothing but dependencies. The layer of categories that no
layer holds comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from test_framework.core.names import PRIORITIES
from test_framework.core.settings import CategorySettings, Settings
from test_framework.model.plan import LayerPlan


def ordered(layers: Sequence[LayerPlan], settings: Settings) -> tuple[LayerPlan, ...]:
    """The layers with everything that they and their categories wait for or are kept apart from."""
    home = {category.name: layer.id for layer in layers for category in layer.categories}
    conflicts = _Conflicts(settings, home)
    joined = []
    for layer in layers:
        own = settings.layers.get(layer.id)
        kept_apart = own.conflicts if own is not None else ()
        joined.append(
            replace(
                layer,
                categories=tuple(
                    replace(
                        category,
                        depends_on=_needs(category.name, home, settings),
                        conflicts=conflicts.of(category.name, layer.id, kept_apart),
                    )
                    for category in layer.categories
                ),
                conflicts=frozenset(kept_apart) & frozenset(each.id for each in layers) - {layer.id},
                priority=own.priority if own is not None else layer.priority,
            )
        )
    return _staggered(joined, home, settings)


def urgency(category: CategorySettings | None) -> int:
    return PRIORITIES.index(category.priority if category is not None else "MEDIUM")


def _needs(name: str, home: Mapping[str, str], settings: Settings) -> frozenset[str]:
    """The categories of this run that one depends on, also through categories that are not here."""
    found: set[str] = set()
    seen = {name}
    todo = [name]
    while todo:
        category = settings.categories.get(todo.pop())
        for needed in category.dependencies if category is not None else ():
            if needed in seen:
                continue
            seen.add(needed)
            if needed in home:
                found.add(needed)
            else:
                todo.append(needed)
    return frozenset(found)


class _Conflicts:
    """Conflicts of categories, where a category has those of what it is a part of."""

    def __init__(self, settings: Settings, home: Mapping[str, str]) -> None:
        self._settings = settings
        self._home = home
        self._lines = {name: self._line(name) for name in home}
        self._parts: dict[str, set[str]] = {}
        for name, line in self._lines.items():
            for each in line:
                self._parts.setdefault(each, set()).add(name)

    def _line(self, name: str) -> tuple[str, ...]:
        """The category, its parent, the parent's parent, ..."""
        line = [name]
        while True:
            category = self._settings.categories.get(line[-1])
            if category is None or category.parent is None or category.parent in line:
                return tuple(line)
            line.append(category.parent)

    def of(self, name: str, layer: str, of_layer: Iterable[str]) -> frozenset[str]:
        line = self._lines[name]
        categories = self._settings.categories
        own = {each for part in line if part in categories for each in categories[part].conflicts}
        found = {part for each in own for part in self._parts.get(each, ())}
        found |= {
            part for each in of_layer for part in self._parts.get(each, ()) if self._home[part] != layer
        }
        return frozenset(each for each in found if each not in line and name not in self._lines[each])


def _staggered(
    layers: Sequence[LayerPlan], home: Mapping[str, str], settings: Settings
) -> tuple[LayerPlan, ...]:
    """With the layers that each has to wait for, by the mode of execution."""
    mode = settings.execution.layer_execution_mode
    place = {layer.id: index for index, layer in enumerate(layers)}
    steps: dict[str, int] = {}
    staggered: list[LayerPlan] = []
    for layer in layers:
        own = settings.layers.get(layer.id)
        after = {home[need] for category in layer.categories for need in category.depends_on}
        waits = {each for each in (*after, *layer.depends_on) if place.get(each, 0) < place[layer.id]}
        order = own.execution_order if own is not None else max(steps.values(), default=0) + 1
        steps[layer.id] = max([order, *(steps[each] for each in waits if each in steps)])
        match mode:
            case "sequential":
                waits |= {each.id for each in staggered[-1:]}
            case "waterfall" | "waterfall_with_background":
                waits |= {each.id for each in staggered if steps[each.id] < steps[layer.id]}
        staggered.append(replace(layer, after=frozenset(waits - layer.depends_on - {layer.id})))
    return tuple(staggered)
