"""From pydantic's findings to mistakes that say what would be right, with positions.

Rules: one mistake per place; keys that files of the legacy runner carry and nothing uses become notes; an
unknown key is named with the nearest known one, and so is an unknown word where a fixed set is allowed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, Required, get_args, get_origin

from pydantic import ValidationError
from typing_extensions import get_type_hints, is_typeddict

from test_framework.configuration.legacy import legacy_reason
from test_framework.configuration.mistakes import Mistake, Path, described, nearest, quoted
from test_framework.configuration.models import CONFIGURATION, Configuration
from test_framework.configuration.watching import RECEIVERS

if TYPE_CHECKING:
    from test_framework.configuration.documents import Document

_QUOTED = re.compile(r"'([^']*)'")
_EXPECTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "typed_dict_type": "a mapping",
    "model_attributes_type": "a mapping",
    "int_from_float": "a whole number",
    "finite_number": "a finite number",
}
_NUMBERS = ("int_type", "float_type", "int_from_float")
_UNITS = {"seconds": "seconds", "minutes": "minutes", "days": "days", "mb": "MiB"}
_LIMITS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def check_document(document: Document) -> list[str]:
    """Add what is wrong with the document's shape to its mistakes; returns notes on legacy keys.

    Legacy keys at the top are taken out of its data.
    """
    notes: list[str] = []
    known = {(mistake.line, mistake.column) for mistake in document.mistakes}
    try:
        CONFIGURATION.validate_python(document.data)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            path = real_path(found["loc"])
            reason = legacy_reason(path) if found["type"] == "extra_forbidden" else None
            if reason is not None:
                text = f"has no effect (a key of the legacy runner: {reason}), remove it when convenient"
                notes.append(str(document.mistake(path, text, "key")))
                if len(path) == 1:
                    document.data.pop(str(path[0]))  # no section; within one, nobody reads it
                continue
            mistake = _mistake(document, path, found)
            if (mistake.line, mistake.column) not in known:
                document.mistakes.append(mistake)
    return notes


def real_path(location: Path) -> Path:
    """Where pydantic's location stands in the file: without its mark of a key and the kind of a receiver."""
    path = tuple(part for part in location if part != "[key]")
    if path[:2] == ("monitoring", "receivers") and len(path) > 4:
        return (*path[:3], *path[4:])
    return path


def _mistake(document: Document, path: Path, found: Any) -> Mistake:
    kind, value, context = found["type"], found["input"], found.get("ctx", {})
    is_key = found["loc"][-1:] == ("[key]",)
    if kind == "extra_forbidden":
        return document.mistake(path, _unknown_key(document, path), "key")
    if kind == "missing":
        return document.mistake(path[:-1], f"the key {quoted(str(path[-1]))} is missing, add it", "key")
    if kind == "environments":
        name, known = context["name"], context["known"]
        expected = nearest(str(name), known) or f", expected {_one_of(list(known))}"
        return document.mistake(path, f"unknown environment: {described(name)}{expected}")
    if kind == "metric":
        near = nearest(context["name"], context["known"]) or f", known: {', '.join(context['known'])}"
        return document.mistake(path, f"unknown metric {quoted(context['name'])}{near}")
    if kind == "union_tag_not_found":
        text = f"the key 'kind' is missing, add it: {_one_of(list(RECEIVERS))}"
        return document.mistake(path, text, "key")
    if kind == "union_tag_invalid":
        tag = value["kind"]
        text = f"expected {_one_of(list(RECEIVERS))}, found {described(tag)}{nearest(str(tag), RECEIVERS)}"
        return document.mistake((*path, "kind"), text)
    if kind == "literal_error":
        words = _QUOTED.findall(context["expected"])
        text = f"expected {_one_of(words)}, found {described(value)}{nearest(str(value), words)}"
        return document.mistake(path, text, "key" if is_key else "value")
    if kind in _EXPECTED:
        text = f"expected {_EXPECTED[kind]}{_unit(path, kind)}, found {described(value)}"
        if kind == "bool_type" and str(value).casefold() in ("yes", "on", "no", "off"):
            text += f"; write {'true' if str(value).casefold() in ('yes', 'on') else 'false'}"
        return document.mistake(path, text)
    if kind in _LIMITS:
        words_, name = _LIMITS[kind]
        text = f"must be {words_} {context[name]:g}, found {described(value)}"
        return document.mistake(path, text)
    if kind == "string_pattern_mismatch":
        return document.mistake(path, _pattern(context["pattern"], value), "key" if is_key else "value")
    if kind == "too_short":
        return document.mistake(path, "is empty, give at least one")
    if kind in ("string_too_short", "string_too_long"):
        length = context.get("min_length", context.get("max_length"))
        bound = "at least" if kind == "string_too_short" else "at most"
        return document.mistake(path, f"expected {bound} {length} characters, found {len(value)}")
    return document.mistake(path, f"{found['msg']}, found {described(value)}")


def _unit(path: Path, kind: str) -> str:
    """` of seconds` where the key says that numbers are."""
    _, _, word = str(path[-1]).rpartition("_")
    return f" of {_UNITS[word]}" if kind in _NUMBERS and word in _UNITS else ""


def _one_of(words: list[str]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]


def _pattern(pattern: str, value: object) -> str:
    if "@" in pattern:
        return f"expected an e-mail address, found {described(value)}"
    if "{1,253}" in pattern:
        return f"expected the name of a host, found {described(value)}"
    if ":" in pattern:
        return f"expected module:factory, found {described(value)}"
    if "{0,63}" in pattern:
        return f"expected a name of at most 64 letters, digits, '_', '-' or '.', found {described(value)}"
    return f"expected a word of letters, digits and '_', found {described(value)}"


def _unknown_key(document: Document, path: Path) -> str:
    known = known_keys(path[:-1])
    if path[:2] == ("monitoring", "receivers"):
        kind = document.data["monitoring"]["receivers"][path[2]]["kind"]
        known = frozenset(get_type_hints(RECEIVERS[kind]))
    near = nearest(str(path[-1]), known)
    return "unknown key" + (near or f", known here: {', '.join(sorted(known))}" if known else "")


def known_keys(path: Path) -> frozenset[str]:
    """The keys that are allowed in the mapping at the path; empty where any are."""
    here: Any = Configuration
    for part in path:
        here = _bare(here)
        if is_typeddict(here):
            here = get_type_hints(here, include_extras=True).get(str(part), Any)
        else:
            arguments = get_args(here)
            here = arguments[-1] if get_origin(here) in (dict, list) and arguments else Any
    here = _bare(here)
    return frozenset(get_type_hints(here)) if is_typeddict(here) else frozenset()


def _bare(hint: Any) -> Any:
    """The hint without Annotated and Required."""
    while get_origin(hint) in (Annotated, Required, NotRequired):
        hint = get_args(hint)[0]
    return hint
