"""Every kind of broken or hostile YAML is one mistake at its place; nothing raises and nothing takes long."""

from __future__ import annotations

import time

import pytest
import yaml

from test_framework.configuration.yaml_reading import read_yaml

LOADERS = [yaml.SafeLoader] + ([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])

BOMB = b"a: &a [1,1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 10))
    for name in range(ord("b"), ord("k"))
)

BROKEN = {
    "empty": (b"", "1:1: is empty, expected a mapping such as 'layers:'"),
    "only a comment": (b"# nothing\n", "1:1: is empty"),
    "a list at the top": (b"- a\n- b\n", "1:1: holds a list, expected a mapping"),
    "text at the top": (b"hello\n", "1:1: holds the text 'hello', expected a mapping"),
    "duplicate key": (b"a: 1\nb: 2\na: 3\n", "3:1: a: the key is given twice (first in line 1), keep one"),
    "nested duplicate key": (b"a:\n  b: 1\n  b: 2\n", "3:3: a.b: the key is given twice (first in line 2)"),
    "endless number": (b"a: {b: .inf}\n", "1:8: a.b: .inf is not a finite number, write a plain number"),
    "not a number": (b"a:\n  - .nan\n", "2:5: a[0]: .nan is not a finite number"),
    "overflowing number": (b"a: 1e999\n", "1:4: a: the number is too large or too long"),
    "number of 5000 digits": (b"a: " + b"9" * 5000, "1:4: a: the number is too large or too long"),
    "tab": (b"a:\n\tb: 1\n", "2:1: not valid YAML: a tab cannot indent or begin a value, use spaces"),
    "byte order mark": (b"\xef\xbb\xbfa: 1\n", "1:1: starts with a byte order mark"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "1:1: is UTF-16, save it as UTF-8"),
    "Latin-1": (b"a: 1\nb: caf\xe9\n", "2:7: is not UTF-8 (byte 0xe9)"),
    "control character": (b"a: 1\nb: \x00\n", "2:4: holds the control character U+0000"),
    "python tag": (b"a: !!python/object/apply:os.system [x]\n", "1:4: a: the tag "),
    "own tag": (b"a:\n  b: !secret x\n", "2:6: a.b: the tag '!secret' is not allowed, write the plain value"),
    "two documents": (b"a: 1\n---\nb: 2\n", "2:1: a second document begins here, keep one document per file"),
    "a list as key": (b"? [a]\n: 1\n", "1:3: a list or mapping cannot be a key, write a word"),
    "empty key": (b"'': 1\n", "1:1: an empty key, give it a name"),
    "unknown alias": (b"a: *b\n", "1:4: a: the alias *b has no anchor &b before it"),
    "cycle": (b"a: &a\n  b: *a\n", "2:6: a.b: the alias *a refers to itself"),
    "cycle in a list": (b"a: &a [1, *a]\n", "1:11: a[1]: the alias *a refers to itself"),
    "alias bomb": (BOMB, "more than 100,000 values (aliases counted as written out)"),
    "deep nesting": (b"a: " + b"[" * 5000, "1:23: a[0]"),
    "deep nesting by aliases": (
        b"a: &a [[[[[[[[1]]]]]]]]\nb: &b [[[[[[[[*a]]]]]]]]\nc: [[[[*b]]]]\n",
        "nested deeper than 20 levels",
    ),
    "merge of a word": (b"a:\n  <<: b\n", "2:7: a: << takes a mapping or a list of mappings"),
    "larger than 1 MiB": (b"a: " + b"x" * (1 << 20), "1:1: larger than 1 MiB"),
    "unclosed quote": (b'a: "b\n', "not valid YAML: found unexpected end of stream"),
    "colon in a value": (b"a: b: c\n", "1:5: not valid YAML: mapping values are not allowed"),
    "unclosed list": (b"a: [1,\n", "not valid YAML: "),
    "reserved character": (b"a: @b\n", "1:4: not valid YAML: "),
    "newline in a key": (b'"a\\nb": 1\n"a\\nb": 2\n', "2:1: a\\nb: the key is given twice"),
}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(("raw", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_gives_one_mistake_at_its_place(raw, expected, loader) -> None:
    start = time.process_time()
    document = read_yaml("f.yaml", raw, loader)
    assert time.process_time() - start < 10
    (mistake,) = document.mistakes
    assert str(mistake).startswith("f.yaml:")
    assert expected in str(mistake)
    assert "\n" not in str(mistake)
    if expected[0].isdigit():
        assert str(mistake).startswith(f"f.yaml:{expected}")


def test_a_file_of_too_many_values_is_refused_within_a_second() -> None:
    start = time.process_time()
    (mistake,) = read_yaml("f.yaml", b"a:\n" + b"- 1\n" * 250_000, LOADERS[-1]).mistakes
    assert mistake.line == 100_000
    assert mistake.text.startswith("more than 100,000 values")
    assert time.process_time() - start < 5


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("12:30:00", "12:30:00"),
        ("2025-08-27", "2025-08-27"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'1'", "1"),
        ('"true"', "true"),
        ("~", None),
        ("", None),
        ("1_000", "1_000"),
        ("+", "+"),
        (".", "."),
    ],
)
def test_words_are_read_by_yaml_1_2(text, value, loader) -> None:
    document = read_yaml("f.yaml", f"a: {text}\n".encode(), loader)
    assert document.mistakes == []
    assert document.data["a"] == value
    assert type(document.data["a"]) is type(value)


def test_keys_are_text_as_written() -> None:
    assert read_yaml("f.yaml", b"1: a\ntrue: b\nnull: c\n").data == {"1": "a", "true": "b", "null": "c"}


def test_aliases_and_merges_are_written_out_and_keep_their_positions() -> None:
    document = read_yaml("f.yaml", b"a: &x\n  b: 1\n  c: 2\nd:\n  <<: *x\n  c: 3\ne: *x\n")
    assert document.mistakes == []
    assert document.data == {"a": {"b": 1, "c": 2}, "d": {"c": 3, "b": 1}, "e": {"b": 1, "c": 2}}
    assert document.locate(("d", "b"), "key") == (2, 3)
    assert document.locate(("d", "c"), "value") == (6, 6)
    assert document.locate(("e",), "value") == (7, 4)


def test_positions_are_those_of_keys_and_values_and_fall_back_to_what_is_there() -> None:
    document = read_yaml("f.yaml", b"a:\n  - b: [x, y]\n    'c d': 1\n")
    assert document.locate(("a", 0, "b", 1), "value") == (2, 12)
    assert document.locate(("a", 0, "c d"), "key") == (3, 5)
    assert document.locate(("a", 0, "c d"), "value") == (3, 12)
    assert document.locate(("a", 0, "missing"), "value") == (2, 5)
    assert document.locate(("missing",), "key") == (1, 1)


def test_several_mistakes_of_one_file_are_all_found() -> None:
    document = read_yaml("f.yaml", b"a: .nan\na: 2\nb: !t 3\n")
    assert [(mistake.line, mistake.column) for mistake in document.mistakes] == [(1, 4), (2, 1), (3, 4)]
