"""Facts survive the wire whatever they hold, and a line that was harmed is never taken for a fact."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import test_framework.model
from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.model.wire import TYPES, WireError, decode, encode, schema, seal
from tests.unit.core.budget import examples

pytestmark = pytest.mark.unit

SCHEMA = Path(test_framework.model.__file__).parent / "facts.schema.json"
RUN = "20260101-000000-abcdef"
TS = "2026-01-01T00:00:00.000000Z"

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=40) | st.sampled_from(
    [
        "",
        "\x00",
        "\ud800",
        "a\udcffb",
        "\n",
        '","crc":"00000000"}',
        "é" * 300,
        "\U0001f600",
        "]]>",
        "\x1b[31m",
    ]
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**70), 2**70),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, read from its annotation."""
    if hint in PLAIN:
        return PLAIN[hint]
    arguments = get_args(hint)
    if isinstance(hint, type) and not arguments:
        return st.sampled_from(list(hint))
    if str(hint).startswith("tuple[") and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=4).map(tuple)
    if str(hint).startswith("tuple["):
        return st.tuples(*(values(each) for each in arguments))
    if str(hint).startswith("dict["):
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=4)
    return st.one_of(*(st.none() if each is type(None) else values(each) for each in arguments))


def facts(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    required = {each.name: values(hints[each.name]) for each in fields(kind) if each.default is MISSING}
    optional = {each.name: values(hints[each.name]) for each in fields(kind) if each.default is not MISSING}
    return st.fixed_dictionaries(required, optional=optional).map(lambda found: kind(**found))


any_fact = st.one_of(*(facts(kind) for kind in TYPES.values()))
any_line = st.builds(encode, st.integers(0, 2**40), st.just(TS), st.floats(0, 1e9), st.just(RUN), any_fact)


def finished(**more: Any) -> f.TestFinished:
    given_ = {"test": "t", "attempt": 1, "category": "unit", "layer": "fast", "worker": "gw0", "seconds": 0.5}
    return f.TestFinished(**{**given_, "outcome": Outcome.PASSED, **more})


def test_the_union_and_the_wire_know_the_same_types() -> None:
    assert set(TYPES.values()) == set(get_args(f.Fact))
    assert all(name == kind.WIRE_TYPE for name, kind in TYPES.items())


@pytest.mark.parametrize("kind", TYPES.values(), ids=list(TYPES))
def test_every_type_of_fact_comes_back_as_it_was(kind: type[Any]) -> None:
    @examples(0.1)
    @given(facts(kind), st.integers(0, 2**40), st.floats(0, 1e9))
    def comes_back(fact: f.Fact, seq: int, elapsed: float) -> None:
        line = encode(seq, TS, elapsed, RUN, fact)
        stamped = decode(line + b"\n")
        assert stamped.fact == fact
        assert type(stamped.fact) is kind
        assert (stamped.seq, stamped.ts, stamped.run, stamped.line) == (seq, TS, RUN, line)
        assert stamped.elapsed == round(elapsed, 6)
        assert encode(seq, TS, elapsed, RUN, stamped.fact) == line

    comes_back()


@examples()
@given(any_line)
def test_a_line_is_one_line_of_plain_ascii_json(line: bytes) -> None:
    assert line.isascii()
    assert b"\n" not in line
    assert b"\r" not in line
    body = json.loads(line)
    assert list(body)[:6] == ["v", "seq", "ts", "elapsed", "run", "type"]
    assert list(body)[-1] == "crc"


def test_a_huge_fact_comes_back_whole() -> None:
    fact = finished(detail="x\ud800\x00" * 400_000)
    assert decode(encode(0, TS, 0.0, RUN, fact)).fact == fact


@examples()
@given(any_line, st.data())
def test_a_torn_line_is_never_a_fact(line: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(WireError):
        decode(line[:cut])
    with pytest.raises(WireError):
        decode(line[cut + 1 :])


@examples()
@given(any_line, st.data())
def test_an_altered_byte_is_noticed(line: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[at] and byte != 0x0A))
    with pytest.raises(WireError):
        decode(line[:at] + bytes([other]) + line[at + 1 :])


@examples(0.5)
@given(st.binary(max_size=200))
def test_noise_is_never_a_fact(noise: bytes) -> None:
    with pytest.raises(WireError):
        decode(noise)


@pytest.mark.parametrize(
    "text",
    [
        '{"v":1}',
        '{"v":2,"seq":0,"ts":"","elapsed":0,"run":"r","type":"sink.failed","sink":"s","message":"m"}',
        '{"v":1,"seq":0,"ts":"","elapsed":0,"run":"r","type":"unheard.of"}',
        '{"v":1,"seq":0,"ts":"","elapsed":0,"run":"r","type":["sink.failed"]}',
        '{"v":1,"seq":0,"ts":"","elapsed":0,"run":"r","type":"sink.failed","sink":"s"}',
        '{"v":1,"ts":"","elapsed":0,"run":"r","type":"sink.failed","sink":"s","message":"m"}',
        '{"v":1,"seq":0,"ts":"","elapsed":0,"run":"r","type":"test.finished","outcome":"brilliant"}',
        "[1,2,3}",
        '{"v":1,,}',
    ],
)
def test_a_sealed_line_that_is_no_fact_of_this_version_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        decode(seal(text))


def test_an_unknown_field_is_ignored_so_that_older_readers_can_follow() -> None:
    line = seal(
        '{"v":1,"seq":7,"ts":"","elapsed":1.5,"run":"r","type":"sink.failed","sink":"s","message":"m","new":[1]}'
    )
    assert decode(line).fact == f.SinkFailed(sink="s", message="m")


def test_fields_that_hold_their_default_are_left_out() -> None:
    body = json.loads(encode(0, TS, 0.0, RUN, finished()))
    assert "detail" not in body
    assert "sections" not in body
    assert body["outcome"] == "passed"


# -- the shipped schema ---------------------------------------------------------------------------------------


def test_the_shipped_schema_is_fresh() -> None:
    """Write it anew with: python scripts/write_facts_schema.py"""
    assert json.loads(SCHEMA.read_text("utf-8")) == schema()


def test_every_encoded_fact_fits_the_shipped_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is a development dependency")
    document = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(document)
    variants = {
        each["properties"]["type"]["const"]: jsonschema.Draft202012Validator(each)
        for each in document["oneOf"]
    }

    @examples(0.5)
    @given(any_line)
    def fits(line: bytes) -> None:
        body = json.loads(line)
        variants[body["type"]].validate(body)

    fits()
    jsonschema.Draft202012Validator(document).validate(json.loads(encode(0, TS, 0.0, RUN, finished())))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", -1),
        ("seq", "0"),
        ("crc", "xyz"),
        ("run", "../up"),
        ("outcome", "brilliant"),
        ("seconds", "long"),
    ],
)
def test_the_schema_refuses_what_is_no_fact(field: str, value: object) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is a development dependency")
    body = json.loads(encode(0, TS, 0.0, RUN, finished()))
    body[field] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(body)
