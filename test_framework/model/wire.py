"""Facts as JSON objects, one a line: the same bytes in the run's file, on stdout and on a socket.

Rules: the envelope is `v, seq, ts, elapsed, run, type`, then the fact's own fields, then `crc` (CRC-32 of all
the bytes before `,"crc"`, eight hex digits) as the last member. Fields that hold their default are left out.
Unknown fields are ignored when reading, so that an older reader can follow a newer run of the same wire
version.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import MISSING, fields
from enum import Enum
from operator import attrgetter
from typing import Any, get_args, get_type_hints

from test_framework.model.facts import Fact, Stamped

VERSION = 1

TYPES: dict[str, type[Any]] = {kind.WIRE_TYPE: kind for kind in get_args(Fact)}


class WireError(ValueError):
    """A line that is no fact of a version this reader knows, or whose CRC does not match."""


def _layout(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    rows = []
    for field in fields(kind):
        default = field.default
        if default is MISSING and field.default_factory is not MISSING:
            default = field.default_factory()
        rows.append((field.name, default))
    return tuple(rows)


def _values_reader(
    rows: tuple[tuple[str, Any], ...],
) -> tuple[tuple[str, ...], tuple[Any, ...], Callable[[Any], Any]]:
    """Names, defaults, and how to get all values at once."""
    names = tuple(name for name, _ in rows)
    getter = attrgetter(*names)
    return (
        names,
        tuple(default for _, default in rows),
        getter if len(names) > 1 else lambda fact: (getter(fact),),
    )


_LAYOUT = {kind: _layout(kind) for kind in TYPES.values()}
_READERS = {kind: _values_reader(rows) for kind, rows in _LAYOUT.items()}
_CODECS: dict[type[Any], dict[str, Any]] = {}


def _json_writer() -> Callable[[Any], str]:
    """What `JSONEncoder.encode` does, without a new C encoder for every object (a third of the cost)."""
    plain = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, check_circular=False)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    quote = json.encoder.encode_basestring_ascii
    write: Any = make(None, plain.default, quote, None, ":", ",", False, False, True)
    join = "".join
    return lambda value: join(write(value, 0))


_encode_json = _json_writer()


def encode(seq: int, ts: str, elapsed: float, run: str, fact: Fact) -> bytes:
    """The fact's line without newline; ASCII only, so that no terminal or encoding can harm it."""
    body: dict[str, Any] = {
        "v": VERSION,
        "seq": seq,
        "ts": ts,
        "elapsed": round(elapsed, 6),
        "run": run,
        "type": fact.WIRE_TYPE,
    }
    names, defaults, values_of = _READERS[type(fact)]
    body |= {
        name: value
        for name, default, value in zip(names, defaults, values_of(fact), strict=True)
        if value is not default and value != default
    }
    return seal(_encode_json(body))


def seal(text: str) -> bytes:
    """Append the CRC as the last member of a JSON object's text."""
    head = text[:-1].encode("ascii")
    return b'%s,"crc":"%08x"}' % (head, zlib.crc32(head))


def unseal(line: bytes) -> bytes:
    """A sealed line's text up to its CRC. Raises `WireError` for a line that was not written so."""
    head, mark, tail = line.rpartition(b',"crc":"')
    if not mark or len(tail) != 10 or not tail.endswith(b'"}'):
        raise WireError("line without checksum")
    if b"%08x" % zlib.crc32(head) != tail[:8]:
        raise WireError("checksum does not match")
    return head


def decode(line: bytes) -> Stamped:
    """The stamped fact of a line. Raises `WireError` for a torn, altered or unknown line."""
    line = line.rstrip(b"\n")
    head = unseal(line)
    try:
        body: dict[str, Any] = json.loads(head + b"}")
        return _stamped(body, line)
    except (ValueError, TypeError, KeyError) as problem:
        raise WireError(f"not a fact: {problem}") from problem


def _stamped(body: dict[str, Any], line: bytes) -> Stamped:
    if body.pop("v", None) != VERSION:
        raise WireError("unknown wire version")
    kind = TYPES.get(body.pop("type", ""))
    if kind is None:
        raise WireError("unknown type of fact")
    seq, ts, elapsed, run = body.pop("seq"), body.pop("ts"), body.pop("elapsed"), body.pop("run")
    codec = _codec(kind)
    values = {name: codec[name](value) for name, value in body.items() if name in codec}
    return Stamped(seq=seq, ts=ts, elapsed=elapsed, run=run, fact=kind(**values), line=line)


def _codec(kind: type[Any]) -> dict[str, Any]:
    """How each field comes back from JSON: enums by value, lists as the tuples they were."""
    if kind not in _CODECS:
        hints = get_type_hints(kind)
        _CODECS[kind] = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    return _CODECS[kind]


def _reader(hint: Any) -> Any:
    members = [hint, *get_args(hint)]
    for member in members:
        if isinstance(member, type) and issubclass(member, Enum):
            return lambda value: None if value is None else member(value)
    if str(hint).startswith("tuple["):
        return _tuples
    return _same


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _same(value: Any) -> Any:
    return value


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a line, made from the dataclasses; shipped as `facts.schema.json`."""
    envelope: dict[str, Any] = {
        "v": {"const": VERSION},
        "seq": {"type": "integer", "minimum": 0},
        "ts": {"type": "string", "format": "date-time"},
        "elapsed": {"type": "number"},
        "run": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    }
    variants = []
    for name, kind in TYPES.items():
        hints = get_type_hints(kind)
        properties = {**envelope, "type": {"const": name}}
        required = [*envelope, "type"]
        for field_name, default in _LAYOUT[kind]:
            properties[field_name] = _json_type(hints[field_name])
            if default is MISSING:
                required.append(field_name)
        properties["crc"] = {"type": "string", "pattern": "^[0-9a-f]{8}$"}
        variants.append(
            {"title": name, "type": "object", "properties": properties, "required": [*required, "crc"]}
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A fact of a run",
        "oneOf": variants,
    }


_JSON_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def _json_type(hint: Any) -> dict[str, Any]:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if hint in _JSON_NAMES:
        return {"type": _JSON_NAMES[hint]}
    arguments = get_args(hint)
    if str(hint).startswith("tuple["):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return {"type": "array", "items": _json_type(arguments[0])}
        items = [_json_type(argument) for argument in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if str(hint).startswith("dict["):
        return {"type": "object", "additionalProperties": _json_type(arguments[1])}
    return {"anyOf": [_json_type(argument) for argument in arguments]}
