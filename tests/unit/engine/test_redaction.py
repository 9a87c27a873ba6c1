from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.engine.redaction import Redactor

SECRETS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=6, max_size=40).filter(
    lambda text: set(text) - set("redacted [A_TOKEN]") and "\0" not in text
)
AROUND = st.text(st.sampled_from("abc xyz\n:="), max_size=20)


@given(SECRETS, AROUND, AROUND)
def test_a_secret_is_masked_however_it_is_written(secret: str, before: str, after: str) -> None:
    redactor = Redactor({"A_TOKEN": secret})
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        text = before + form + after
        assert redactor.suspicious(text)
        assert redactor.text(text) != text
        assert "[redacted A_TOKEN]" in redactor.text(text)


@given(st.binary(min_size=12, max_size=40), st.binary(max_size=10), st.binary(max_size=10))
def test_a_secret_inside_something_base64_is_masked(raw: bytes, before: bytes, after: bytes) -> None:
    secret = raw.hex()
    text = base64.b64encode(before + secret.encode() + after).decode()
    assert "[redacted A_TOKEN]" in Redactor({"A_TOKEN": secret}).text(text)


@given(st.text(st.sampled_from("abcdefgh \n[]"), max_size=80))
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert Redactor({"A_TOKEN": "0123456789"}).text(text) == text


@pytest.mark.parametrize(
    "name", ["API_TOKEN", "my_secret", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "SSH_KEY", "APIKEY"]
)
def test_names_that_speak_of_secrets_are_known(name: str) -> None:
    assert Redactor({name: "long-enough"}).text("long-enough") == f"[redacted {name}]"


@pytest.mark.parametrize(
    ("name", "value"), [("KEYBOARD", "azerty-layout"), ("A_TOKEN", "short"), ("A_TOKEN", "disabled")]
)
def test_ordinary_values_are_not_masked(name: str, value: str) -> None:
    assert Redactor({name: value}).text(f"it is {value}") == f"it is {value}"


def test_a_password_in_a_url_is_masked_wherever_it_comes_from() -> None:
    assert Redactor({}).text("see postgres://me:hunter2x@host/db") == "see postgres://me:[redacted]@host/db"
    assert "hunter2x" not in Redactor({"DATABASE": "pg://me:hunter2x@h/d"}).text("the password is hunter2x")


def test_values_inside_values_are_masked() -> None:
    masked = Redactor({"A_TOKEN": "long-enough"}).value({"a": ("long-enough", 1, None), "long-enough": ["x"]})
    assert masked == {"a": ("[redacted A_TOKEN]", 1, None), "[redacted A_TOKEN]": ("x",)}


def test_a_url_in_a_test_s_id_stays_and_a_secret_of_the_environment_does_not() -> None:
    redactor = Redactor({"A_TOKEN": "long-enough"})
    assert redactor.test_id("t.py::t[http://me:pass@host]") == "t.py::t[http://me:pass@host]"
    assert redactor.test_id("t.py::t[long-enough]") == "t.py::t[[redacted A_TOKEN]]"
