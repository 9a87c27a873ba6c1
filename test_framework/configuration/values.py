"""Kinds of single values in a configuration: names, durations, shares, paths, commands, rules of alerts.

Rules: strict (true is no number, "60" is no duration) and never converted; what cannot be said by a pattern
or a bound has a check here and, beside it, the JSON Schema of the same meaning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints
from pydantic.functional_validators import AfterValidator, BeforeValidator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from test_framework.core.alerts import COMPARISONS, METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

ENVIRONMENT_WORDS = ("test", "dev", "staging", "prod", "development", "production")

_ENDPOINT = (
    r"(?:(?:https?|tcp|redis|postgres(?:ql)?)://[^\s/]+\S*"
    r"|(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}(?:/\S*)?)"
)
_ADDRESS = r"https?://[^\s/@]+(?:/\S*)?"
_STEP = r"(?:\.|[^/.\x00][^/\x00]*|\.[^/.\x00][^/\x00]*|\.\.[^/\x00]+)"
_INSIDE = rf"(?:\.|[^/.~\x00][^/\x00]*|\.[^/.\x00][^/\x00]*|\.\.[^/\x00]+)(?:/{_STEP}?)*"
_NUMBER = r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?"
_RULE = rf"(?:{'|'.join(METRICS)}) ?(?:{'|'.join(COMPARISONS)}) ?{_NUMBER}"


def _matching(name: str, pattern: str, expected: str) -> Any:
    """Text that matches the whole pattern; `expected` says so in words."""
    known = re.compile(pattern)

    def check(text: str) -> str:
        if not known.fullmatch(text):
            raise PydanticCustomError("expected", "expected {expected}", {"expected": expected, "name": name})
        return text

    return Annotated[
        str, AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})
    ]


def _words(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return value
    raise PydanticCustomError(
        "expected",
        "expected {expected}",
        {"expected": "a command: a list of words, or one line of text"},
    )


def _environments(value: Any) -> Any:
    names: Sequence[Any] = value if isinstance(value, list) else () if value is None else [value]
    for name in names:
        if name not in ENVIRONMENT_WORDS:
            known = {"name": name, "known": ENVIRONMENT_WORDS}
            raise PydanticCustomError("environments", "unknown environment", known)
    return value


def _rule(text: str) -> str:
    if re.fullmatch(_RULE, text):
        return text
    metric = re.split(r"[^\w]", text.strip(), maxsplit=1)[0]
    if metric and metric not in METRICS:
        raise PydanticCustomError("metric", "unknown metric", {"name": metric, "known": METRICS})
    expected = "a metric, a comparison (>, >=, < or <=) and a number, such as 'failure_rate > 0.1'"
    raise PydanticCustomError("expected", "expected {expected}", {"expected": expected})


_ENVIRONMENT_SCHEMA: dict[str, Any] = {"type": "string", "enum": list(ENVIRONMENT_WORDS)}
_ENVIRONMENTS_SCHEMA: dict[str, Any] = {
    "anyOf": [_ENVIRONMENT_SCHEMA, {"type": "array", "items": _ENVIRONMENT_SCHEMA}, {"type": "null"}]
}
_WORDS_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": r"\S"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
    ]
}

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
Marker = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Factory = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$"),
]
Seconds = Annotated[float, Field(gt=0, le=604_800, allow_inf_nan=False)]
Minutes = Annotated[float, Field(gt=0, le=10_080, allow_inf_nan=False)]
Delay = Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
MiB = Annotated[int, Field(gt=0, le=16_777_216)]
Megabytes = Annotated[float, Field(ge=0, le=16_777_216, allow_inf_nan=False)]
Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cost = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Instances = Annotated[int, Field(ge=1, le=4_096)]
Order = Annotated[int, Field(ge=0, le=1_000_000)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Inside = _matching("inside", _INSIDE, "a path inside the project, relative to its root")
Endpoint = _matching("endpoint", _ENDPOINT, "host:port, host:port/path or a URL such as http://host:1/x")
Provider = _matching(
    "provider",
    "(?:native|docker|compose|external|auto|plugin:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})",
    "native, docker, compose, external, auto, or plugin:NAME of a plug-in",
)
Address = _matching(
    "address", _ADDRESS, "an http or https URL without a name and password; secrets come from url_variable"
)
Words = Annotated[Any, BeforeValidator(_words), WithJsonSchema(_WORDS_SCHEMA)]
Rule = Annotated[str, AfterValidator(_rule), WithJsonSchema({"type": "string", "pattern": f"^{_RULE}$"})]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Variables = dict[Variable, str]
Environment = Literal["test", "dev", "staging", "prod", "development", "production"]
Environments = Annotated[Any, BeforeValidator(_environments), WithJsonSchema(_ENVIRONMENTS_SCHEMA)]
