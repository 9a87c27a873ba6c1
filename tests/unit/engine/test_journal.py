from __future__ import annotations

import json
import os
from pathlib import Path

from test_framework.core.run_state import RunState
from test_framework.engine.journal import Journal
from test_framework.engine.redaction import Redactor
from test_framework.model import facts as f
from test_framework.model.facts import Stamped


def alert(message: str) -> f.AlertRaised:
    return f.AlertRaised(kind="test", message=message)


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def test_facts_are_in_the_file_before_anybody_is_shown_them(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    seen: list[tuple[int, int]] = []

    def publish(stamped: Stamped, _state: RunState) -> None:
        seen.append((stamped.seq, len(path.read_bytes().splitlines())))

    journal = Journal("r", opened(path), publish, Redactor({}))
    journal.record(alert("one"))
    journal.record(alert("two"))
    assert seen == []
    assert path.read_bytes() == b""
    journal.flush()
    assert seen == [(0, 2), (1, 2)]


def test_numbers_have_no_gaps_and_time_is_the_clock_s(tmp_path: Path) -> None:
    now = [10.0]
    path = tmp_path / "facts.jsonl"
    journal = Journal("r", opened(path), lambda _fact, _state: None, Redactor({}), clock=lambda: now[0])
    for step in range(3):
        now[0] = 10.0 + step
        journal.record(alert(str(step)))
    journal.flush()
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [(row["seq"], row["elapsed"]) for row in rows] == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_a_secret_is_masked_in_the_file_the_state_and_what_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    shown: list[Stamped] = []
    journal = Journal(
        "r", opened(path), lambda fact, _state: shown.append(fact), Redactor({"A_TOKEN": "s3cr3t-value"})
    )
    journal.record(f.AlertRaised(kind="x", message="it is s3cr3t-value!", detail="s3cr3t-value"))
    journal.flush()
    assert b"s3cr3t-value" not in path.read_bytes()
    assert "s3cr3t-value" not in repr(journal.state)
    assert "s3cr3t-value" not in repr(shown)
    assert journal.state.alerts[0].message == "it is [redacted A_TOKEN]!"


def test_a_file_that_breaks_is_named_once_and_the_run_goes_on(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "readable", os.O_RDONLY | os.O_CREAT)
    shown: list[str] = []
    journal = Journal("r", fd, lambda stamped, _state: shown.append(stamped.fact.WIRE_TYPE), Redactor({}))
    for word in ("one", "two"):
        journal.record(alert(word))
        journal.flush()
    assert shown.count("sink.failed") == 1
    assert shown.count("alert.raised") == 2
    assert list(journal.state.broken_sinks) == ["journal"]


def test_what_a_sink_records_while_it_is_told_is_shown_too() -> None:
    shown: list[str] = []

    def publish(stamped: Stamped, _state: RunState) -> None:
        shown.append(stamped.fact.WIRE_TYPE)
        if len(shown) == 1:
            journal.record(f.SinkFailed(sink="x", message="broke"))

    journal = Journal("r", None, publish, Redactor({}))
    journal.record(alert("one"))
    journal.flush()
    assert shown == ["alert.raised", "sink.failed"]
