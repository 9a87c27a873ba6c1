"""Failures that are the same failure: a signature holds what stays equal when only addresses, numbers and paths differ.

Rules: pure; the same text gives the same signature on every machine; what varies is replaced by a word in angle
brackets; lengths are capped, so that a database of signatures stays small.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_CHARACTERS = 300

_VARYING = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\x1b\[[0-9;]*m", ""),
        (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<uuid>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "<time>"),
        (r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
        (r"\b0x[0-9a-fA-F]+\b", "<address>"),
        (r"(?<![\w.])/(?:[^\s/'\":,;)\]>]+/)*([^\s/'\":,;)\]>]+)", r"<path>/\1"),
        (r"\b(?=[a-f]*\d)[0-9a-f]{12,}\b", "<digest>"),
        (r"(?<![\w<])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", "<n>"),
        (r"\s+", " "),
    )
)
_RAISED = re.compile(r"^(?:E\s+)?([A-Za-z_][\w.]*)(?::\s|$)")
_FRAME = re.compile(
    r"^(?:E\s+)?(?:File \"(?P<file>[^\"]+)\", line \d+(?:, in (?P<name>\S+))?|(?P<place>[^\s:]+):\d+: )"
)


@dataclass(frozen=True, slots=True)
class Signature:
    """`kind` is the exception's class or the outcome, `frame` the last file (and function) of the traceback."""

    kind: str
    message: str
    frame: str = ""


def signature(outcome: str, message: str, detail: str = "", location: str = "") -> Signature:
    """The signature of a bad attempt, from what its fact says. `location`: file:line, used without a traceback."""
    text = normalised(message)
    raised = _RAISED.match(message.strip())
    if raised is not None and _is_class(raised[1]):
        return Signature(
            raised[1], text[text.find(":") + 1 :].strip() if ":" in text else "", _frame(detail, location)
        )
    kind = "AssertionError" if outcome == "failed" and message.lstrip().startswith("assert") else outcome
    return Signature(kind, text, _frame(detail, location))


def normalised(text: str) -> str:
    """One line without what differs from run to run."""
    text = text[: 4 * MOST_CHARACTERS]
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text.strip()[:MOST_CHARACTERS]


def _is_class(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last[:1].isupper() or "." in name


def _frame(detail: str, location: str) -> str:
    for line in reversed(detail[-20_000:].splitlines()):
        found = _FRAME.match(line.strip())
        if found is not None:
            file = found["file"] or found["place"]
            return "/".join(file.split("/")[-2:]) + (f" in {found['name']}" if found["name"] else "")
    return location.rpartition(":")[0] or location
