"""Whatever a file holds, it is loaded or refused with a `UserError` of well-formed lines."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test_framework.configuration.assembly import assemble
from test_framework.configuration.load import shipped_mapping
from test_framework.configuration.toml_reading import read_toml
from test_framework.configuration.yaml_reading import read_yaml
from test_framework.core.names import ENVIRONMENTS
from test_framework.core.settings_mapping import settings_from_mapping
from test_framework.model.errors import UserError

SHIPPED = shipped_mapping()
LINE = re.compile(r"[\w./]+:[1-9]\d*:[1-9]\d*: \S.*")
QUICK = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)


def all_keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for child in value.values() for key in all_keys(child)}
    return {key for child in value for key in all_keys(child)} if isinstance(value, list) else set()


words = st.sampled_from(
    [
        *sorted(all_keys(SHIPPED)),
        "environment_overrides",
        "staging",
        "development",
        "tests",
        "environments",
        "layer_overrides",
        "filters",
        "resource_requirements",
    ]
)
leaves = st.one_of(words, st.none(), st.booleans(), st.integers(-3, 10**7), st.floats(), st.text(max_size=8))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=4)),
    max_leaves=25,
)
layer = st.dictionaries(
    st.sampled_from(
        ["categories", "dependencies", "conflicts", "environment_overrides", "execution_order", "name"]
    ),
    st.one_of(
        trees,
        st.lists(st.fixed_dictionaries({"name": words}), min_size=1, max_size=2),
        st.lists(st.sampled_from(["a", "b"]), max_size=2),
        st.dictionaries(
            st.sampled_from(["dev", "prod", "production"]),
            st.fixed_dictionaries({"dependencies": st.lists(st.sampled_from(["a", "b", "c"]), max_size=2)}),
            max_size=2,
        ),
    ),
)
files = st.one_of(
    st.dictionaries(words, trees, max_size=5),
    st.fixed_dictionaries({"layers": st.dictionaries(st.sampled_from(["a", "b"]), layer, min_size=1)}),
)


def load_or_refuse(documents: list[Any]) -> None:
    refusal = ""
    try:
        mapping, notes = assemble(documents, SHIPPED, {})
    except UserError as error:
        refusal = error.what
    if refusal:
        assert all(LINE.fullmatch(line) for line in refusal.split("\n")), refusal
        return
    assert all(LINE.fullmatch(note) for note in notes)
    again = json.loads(json.dumps(mapping))
    for environment in ENVIRONMENTS:
        found = settings_from_mapping(mapping, environment)
        assert found == settings_from_mapping(again, environment)
        assert set(found.layers) == set(mapping["layers"])


@QUICK
@given(files)
def test_any_tree_is_loaded_or_refused(tree: Any) -> None:
    load_or_refuse([read_yaml("f.yaml", json.dumps(tree).encode())])


@QUICK
@given(files, files)
def test_any_two_files_are_loaded_or_refused(first: Any, second: Any) -> None:
    load_or_refuse(
        [read_yaml(name, json.dumps(tree).encode()) for name, tree in (("f.yaml", first), ("g.yaml", second))]
    )


@QUICK
@given(
    st.one_of(st.binary(max_size=200), st.text("ab:-*&!<>|?[]{}#,'\"% \n\t1.", max_size=60).map(str.encode))
)
def test_any_bytes_are_loaded_or_refused(raw: bytes) -> None:
    load_or_refuse([read_yaml("f.yaml", raw)])
    document = read_toml("p.toml", b"[tool.apex]\n" + raw)
    if document is not None:
        load_or_refuse([document])
