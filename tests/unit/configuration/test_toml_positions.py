"""Whatever way a table is written in TOML, its keys and values are found where they stand."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from test_framework.configuration.toml_positions import toml_positions

NAMES = st.sampled_from(["a", "b-c", "d e", "f.g", "tool", 'q"r', "#h", "[i]"])
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-99, 99),
    st.text("ab#=[]{},.\"'\\ \n", max_size=6),
    st.sampled_from([1.5, -0.25]),
)
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


def key_of(name: str) -> str:
    return name if name.replace("-", "").isalnum() else json.dumps(name)


def scalar(value: Any, draw: Any) -> str:
    if isinstance(value, str) and "'" not in value and "\n" not in value and draw(st.booleans()):
        return f"'{value}'"
    if isinstance(value, str) and "\\" not in value and '"' not in value and draw(st.booleans()):
        return f'"""\n{value}"""'
    return json.dumps(value)


def inline(value: Any, draw: Any) -> str:
    if isinstance(value, dict):
        pairs = [f"{key_of(name)} = {inline(child, draw)}" for name, child in value.items()]
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        gap = draw(st.sampled_from([" ", "\n  ", " # a comment ]\n"]))
        return "[" + "".join(f"{gap}{inline(child, draw)}," for child in value) + gap + "]"
    return scalar(value, draw)


def table(value: dict[str, Any], header: str, draw: Any) -> str:
    """The pairs of a table, then its sub-tables by headers, or inline, or by dotted keys."""
    pairs, below = "", ""
    for name, child in value.items():
        full = f"{header}.{key_of(name)}" if header else key_of(name)
        tables = isinstance(child, list) and child and all(isinstance(item, dict) for item in child)
        if isinstance(child, dict) and draw(st.booleans()):
            below += f"[{full}] # [x]\n" + table(child, full, draw)
        elif isinstance(child, dict) and child and draw(st.booleans()):
            for inner, each in child.items():
                pairs += f"{key_of(name)} . {key_of(inner)} = {inline(each, draw)}\n"
        elif tables and draw(st.booleans()):
            below += "".join(f"[[{full}]]\n" + table(item, full, draw) for item in child)
        else:
            pairs += f"  {key_of(name)}   =  {inline(child, draw)} # c = 1\n"
    return pairs + below


@st.composite
def written(draw: Any) -> tuple[str, dict[str, Any]]:
    tree = draw(TREES)
    return table(tree, "", draw), tree


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(path, value)] if path else []
    for step, child in items:
        found += paths(child, (*path, step))
    return found


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(written())
def test_every_key_and_value_is_found_where_it_stands(case: tuple[str, dict[str, Any]]) -> None:
    text, tree = case
    assert tomllib.loads(text) == tree
    positions = toml_positions(text)
    lines = text.split("\n")
    for path, value in paths(tree):
        key, place = positions[path]
        if isinstance(path[-1], str):
            assert lines[key[0] - 1][key[1] - 1 :].startswith(key_of(path[-1])), path
        rest = "\n".join([lines[place[0] - 1][place[1] - 1 :], *lines[place[0] :]])
        if isinstance(value, bool | int | float):
            assert rest.startswith(json.dumps(value)), path
        elif isinstance(value, str):
            assert rest.startswith((json.dumps(value), f"'{value}'", f'"""\n{value}"""')), path
    assert {path for path in positions if path} == {path for path, _ in paths(tree)}
