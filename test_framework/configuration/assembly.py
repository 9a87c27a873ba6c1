"""From the project's documents and the shipped defaults to one checked mapping.

Rules: sections may be spread over the files; where two files give the same section, the first in the order
of look-up wins and a note says so. Categories and services are laid over the shipped ones by name and key.
A layer without `categories` changes the shipped layer of its id. As soon as one layer has categories, the
layers of that file are all there are: shipped execution_config goes too, modes lose the layers that are gone.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from test_framework.configuration.checking import check_document
from test_framework.configuration.documents import Document
from test_framework.configuration.graph import Graph, check_graph
from test_framework.configuration.inert import inert_notes
from test_framework.configuration.limits import limit_notes
from test_framework.configuration.mistakes import Mistake, raise_all
from test_framework.configuration.repair import repaired
from test_framework.core.overrides import deep_merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CATALOGUES = ("categories", "service_dependencies")
"""Sections whose entries are laid over the shipped entries of the same name."""


def assemble(
    documents: Sequence[Document], shipped: Mapping[str, Any], required: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """The mapping for `settings_from_mapping`, and notes for the user.

    `documents` stand in the order of look-up; `required` names, by file, the section that file must have.
    Raises one `UserError` with every mistake of every document.
    """
    notes: list[str] = []
    for document in documents:
        section = required.get(document.name)
        if section and section not in document.data and not document.mistakes:
            document.mistakes.append(document.mistake((), f"the key '{section}' is missing, add it"))
        notes += check_document(document)
    owners: dict[str, Document] = {}
    for document in documents:
        for section in document.data:
            owner = owners.setdefault(section, document)
            if owner is not document and section != "metadata":
                text = f"ignored, {owner.name} comes first and has this section too"
                notes.append(str(document.mistake((section,), text, "key")))
    mistakes = [mistake for document in documents for mistake in document.mistakes]
    if not any(document.mistakes and not document.data for document in documents):
        mistakes += _graph_mistakes(owners, shipped)
    raise_all(mistakes)
    for document in documents:
        notes += inert_notes(_owned(document, owners))
    written = {section: owner.data[section] for section, owner in owners.items()}
    mapping = merged(written, shipped)
    return mapping, notes + limit_notes(Graph(mapping, owners))


def _graph_mistakes(owners: Mapping[str, Document], shipped: Mapping[str, Any]) -> list[Mistake]:
    written = {
        section: repaired(section, owner.data[section]) if owner.mistakes else owner.data[section]
        for section, owner in owners.items()
    }
    sound = {section: value for section, value in written.items() if value is not None}
    if "layers" in written and "layers" not in sound:
        return []
    return check_graph(merged(sound, shipped), owners)


def _owned(document: Document, owners: Mapping[str, Document]) -> Document:
    data = {section: value for section, value in document.data.items() if owners[section] is document}
    return Document(document.name, data, document.locate, prefix=document.prefix)


def merged(written: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """The written sections laid over the shipped ones, by the rules of this module."""
    base: dict[str, Any] = copy.deepcopy(dict(shipped))
    own = written.get("layers", {})
    whole = [layer for layer, body in own.items() if "categories" in body]
    old_layers = base.get("layers", {})
    layers = {
        layer: deep_merged({} if layer in whole else old_layers.get(layer, {}), own[layer]) for layer in own
    }
    if whole:
        base = {section: base[section] for section in (*CATALOGUES, "modes") if section in base}
        base["layers"] = layers
        kept = {
            mode: [layer for layer in ids if layer in layers] for mode, ids in base.get("modes", {}).items()
        }
        base["modes"] = {mode: ids for mode, ids in kept.items() if ids}
    elif own:
        base["layers"] = {**old_layers, **layers}
    for section, value in written.items():
        if section in CATALOGUES:
            old = base.get(section, {})
            base[section] = {
                **old,
                **{name: _laid_over(old.get(name, {}), body) for name, body in value.items()},
            }
        elif section == "modes":
            base[section] = {**base.get(section, {}), **value}
        elif section == "plugins":
            base[section] = value
        elif section != "layers":
            base[section] = deep_merged(base.get(section, {}), value)
    base["origin"] = {
        "layers": [layer for layer, body in own.items() if layer in whole or "required_services" in body],
        "limits": [layer for layer, body in own.items() if _mentions(body, "resource_limits")],
        "execution": "execution_config" in written,
        "services": list(written.get("service_dependencies", ())),
    }
    return base


def _laid_over(old: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the project over the shipped one; a service with a command of its own needs what it says itself."""
    kept = {key: value for key, value in old.items() if key != "depends_on"} if "command" in body else old
    return {**kept, **body}


def _mentions(body: Mapping[str, Any], key: str) -> bool:
    return key in body or any(key in over for over in body.get("environment_overrides", {}).values())
