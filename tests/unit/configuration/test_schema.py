"""The printed JSON Schema means what the reader means, and says what every key does."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError
from typing_extensions import get_type_hints

from test_framework.cli.main import main
from test_framework.configuration import models, values, watching
from test_framework.configuration.checking import check_document
from test_framework.configuration.documents import Document
from test_framework.configuration.load import SHIPPED
from test_framework.configuration.meaning import MEANING
from test_framework.configuration.schema import json_schema

SCHEMA = json.loads(json.dumps(json_schema()))
VALIDATOR = Draft202012Validator(SCHEMA)
LEAVES = [None, True, False, 0, -1, 1.5, 10**9, [], {}, [None], ["x"], [1], {"x": 1}, {"": {}}]
WORDS = [
    "",
    " ",
    "x",
    "a/../b",
    "/a",
    "~x",
    "yes",
    "1",
    "owed_tests > x",
    "http://a:b@c/",
    "host",
    "host:1",
    "\x00",
]
JUNK = st.sampled_from([*LEAVES, *WORDS])


def known(node: dict[str, Any]) -> dict[str, Any]:
    return SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node


def scalars(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    kind = node.get("type")
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if kind == "string" and "pattern" in node:
        alphabet = st.characters(codec="ascii", exclude_categories=["Cc"])
        return st.from_regex(node["pattern"], alphabet=alphabet, fullmatch=True)
    if kind == "string":
        return st.text(min_size=node.get("minLength", 0), max_size=6)
    if kind == "integer":
        return st.integers(
            node["minimum"] if "minimum" in node else node["exclusiveMinimum"] + 1, node["maximum"]
        )
    if kind == "number":
        least = node.get("minimum", node.get("exclusiveMinimum"))
        return st.floats(least, node["maximum"], exclude_min="exclusiveMinimum" in node)
    return {"boolean": st.booleans(), "null": st.none()}.get(kind, st.just({"any": [1, "x"]}))


@st.composite
def following(draw: Any, node: dict[str, Any], wrong: bool) -> Any:
    """A value as the schema node wants it; where `wrong`, now and then one that it may not want."""
    if wrong and draw(st.integers(0, 14)) == 0:
        return draw(JUNK)
    node = known(node)
    for choice in ("anyOf", "oneOf"):
        if choice in node:
            return draw(following(draw(st.sampled_from(node[choice])), wrong))
    if node.get("type") == "array":
        least = node.get("minItems", 0)
        return draw(st.lists(following(node["items"], wrong), min_size=least, max_size=max(2, least)))
    if node.get("type") != "object":
        return draw(scalars(node))
    made = {}
    if "properties" in node:
        keys = draw(st.lists(st.sampled_from(sorted(node["properties"])), max_size=4, unique=True))
        if not wrong or draw(st.integers(0, 9)):
            keys += [key for key in node.get("required", ()) if key not in keys]
        made = {key: draw(following(node["properties"][key], wrong)) for key in keys}
        if wrong and draw(st.integers(0, 14)) == 0:
            made[draw(st.sampled_from(["unknown", "nam", "version"]))] = 1
        return made
    values = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    value = next((each for each in values if isinstance(each, dict)), {})
    names = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
    if "propertyNames" in node:
        names = scalars(known(node["propertyNames"]))
    if wrong:
        names = st.one_of(names, names, names, st.sampled_from(["", "a b", "../x", "-x", "x" * 65]))
    least = node.get("minProperties", 0)
    return draw(st.dictionaries(names, following(value, wrong), min_size=least, max_size=max(2, least)))


def mistakes(tree: Any) -> list[str]:
    document = Document("f.yaml", copy.deepcopy(tree))
    check_document(document)
    return [str(mistake) for mistake in document.mistakes]


MANY = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ["test_layers.yaml", "categories.yaml"])
def test_the_shipped_files_follow_the_schema(name: str) -> None:
    VALIDATOR.validate(yaml.safe_load((SHIPPED / name).read_text()))


@MANY
@given(following({key: value for key, value in SCHEMA.items() if key != "$defs"}, False))
def test_what_is_made_by_the_schema_is_accepted_by_both(tree: Any) -> None:
    VALIDATOR.validate(tree)
    assert mistakes(tree) == []


@MANY
@given(following({key: value for key, value in SCHEMA.items() if key != "$defs"}, True))
def test_the_schema_and_the_reader_accept_and_refuse_the_same_shapes(tree: Any) -> None:
    if not isinstance(tree, dict):
        return
    refused = [error.message for error in VALIDATOR.iter_errors(tree)]
    assert bool(refused) == bool(mistakes(tree)), (refused, mistakes(tree))


KINDS = (
    "Inside",
    "Endpoint",
    "Address",
    "Rule",
    "Words",
    "Environments",
    "Name",
    "Word",
    "Marker",
    "Factory",
    "Variable",
)
PIECES = [
    "a",
    "B",
    "1",
    "_",
    "-",
    ".",
    "..",
    "/",
    "~",
    ":",
    "@",
    " ",
    "[",
    "]",
    "http://",
    "x.y",
    "80",
    "\x00",
    "é",
    "%",
]
PIECES += ["failure_rate", "owed", ">", "<=", "0.5", "test", "production", "tcp://", "::1"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pattern_of_the_schema_means_what_the_check_of_its_kind_means(kind: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(getattr(values, kind))
    made = adapter.json_schema()
    validator = Draft202012Validator(made)
    seen = set()

    @settings(MANY, max_examples=400)
    @given(
        st.one_of(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), JUNK, following(made, False))
    )
    def same(value: Any) -> None:
        try:
            adapter.validate_python(value, strict=True)
            accepted = True
        except ValidationError:
            accepted = False
        assert validator.is_valid(value) == accepted
        seen.add(accepted)

    same()
    assert seen == {True, False}


def test_a_mistake_is_refused_by_both() -> None:
    for wrong in ({"layers": {}}, {"tests": {"warm": 1}}, {"layers": {"a": {"categories": [{"nam": "x"}]}}}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(wrong)
        assert mistakes(wrong)


def sections() -> dict[str, Any]:
    return {
        name: value
        for module in (models, watching)
        for name, value in vars(module).items()
        if isinstance(value, type) and hasattr(value, "__pydantic_config__")
    }


def test_every_key_of_every_section_has_a_meaning() -> None:
    expected = {name: set(get_type_hints(section)) for name, section in sections().items()}
    assert {name: set(keys) for name, keys in MEANING.items()} == {
        name: keys for name, keys in expected.items() if name != "LayerCommon"
    }


def test_the_schema_says_what_a_key_does_and_marks_what_is_old() -> None:
    layer = SCHEMA["$defs"]["Layer"]["properties"]
    assert layer["max_duration_minutes"]["description"].startswith("Deadline of the whole layer")
    assert SCHEMA["$defs"]["Category"]["properties"]["requires_database"]["deprecated"] is True


def test_apex_schema_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA


def test_apex_schema_takes_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--pretty"]) == 4
    assert "--pretty" in capsys.readouterr().err


def test_the_help_of_the_sub_commands_needs_nothing_heavy() -> None:
    code = (
        "import sys; from test_framework.cli.main import main; codes = [main([each, '--help']) for each in "
        "('schema', 'init')]; print(codes, {'yaml', 'pydantic', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[0, 0] set()\n")
