"""Secrets never reach a record: values of secret-looking variables are masked in every form they may take.

Rules: a secret is the value (6 characters or more) of a variable whose name speaks of a token, secret, key or
password, or the password inside a URL (not inside a test's id); it is masked raw, JSON-escaped, URL-quoted and in
base64 at its three shifts.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

LEAST_LENGTH = 6
SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|APIKEY|CREDENTIAL|KEY($|_)", re.IGNORECASE)
URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@\"']*):([^/\s@\"']+)@")
ORDINARY = frozenset({"disabled", "enabled", "default", "production", "development"})


class Redactor:
    """Masks the secrets of one environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.names: dict[str, str] = {}
        for name, value in environ.items():
            if SECRET_NAME.search(name) and len(value) >= LEAST_LENGTH and value.lower() not in ORDINARY:
                for form in forms(value):
                    self.names.setdefault(form, name)
            for match in URL_PASSWORD.finditer(value):
                if len(match.group(2)) >= LEAST_LENGTH:
                    for form in forms(match.group(2)):
                        self.names.setdefault(form, name)
        self._pattern = self._compiled()

    def learn(self, name: str, secret: str) -> None:
        """Mask one more secret from now on, by the name of who has it."""
        for form in forms(secret):
            self.names.setdefault(form, name)
        self._pattern = self._compiled()

    def _compiled(self) -> re.Pattern[str] | None:
        longest_first = sorted(self.names, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def suspicious(self, text: str) -> bool:
        """Whether the text may hold a secret: a quick look that decides nothing."""
        return "://" in text or (self._pattern is not None and self._pattern.search(text) is not None)

    def test_id(self, text: str) -> str:
        """A test's id: a URL in it is the project's own example, and masked it might name another test."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: f"[redacted {self.names[match.group()]}]", text)

    def text(self, text: str) -> str:
        text = self.test_id(text)
        return URL_PASSWORD.sub(r"\1:[redacted]@", text) if "://" in text else text

    def value(self, value: Any) -> Any:
        """The same plain value with every string in it masked."""
        if type(value) is str:
            return self.text(value)
        if isinstance(value, tuple | list):
            return tuple(self.value(each) for each in value)
        if isinstance(value, dict):
            return {self.value(key): self.value(each) for key, each in value.items()}
        return value


def forms(secret: str) -> set[str]:
    """The ways a secret may be written down."""
    raw = secret.encode("utf-8", "surrogateescape")
    found = {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
    }
    for shift in range(3):
        for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
            text = alphabet(b"\0" * shift + raw).decode().rstrip("=")
            start = (0, 2, 3)[shift]
            whole = (len(raw) + shift) * 8 // 6
            piece = text[start:whole]
            if len(piece) >= LEAST_LENGTH:
                found.add(piece)
    return {form for form in found if len(form) >= LEAST_LENGTH}
