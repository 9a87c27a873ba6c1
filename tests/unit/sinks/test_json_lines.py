from __future__ import annotations

from test_framework.model import wire
from test_framework.model.outcome import Outcome
from test_framework.sinks.jsonl import JsonLines


def test_the_lines_are_the_bytes_of_the_facts_and_nothing_else(story, outlet, every_fact, some_verdict):
    story.sinks = [JsonLines(outlet)]
    for fact in every_fact("\x1b[31m\ud800\n"):
        story.say(fact)
    story.sinks[0].close(story.state, some_verdict)
    assert outlet.data == b"".join(each.line + b"\n" for each in story.told)
    assert outlet.data.isascii()
    assert [wire.decode(line).fact for line in outlet.data.splitlines()] == [each.fact for each in story.told]


def test_everything_up_to_the_first_result_is_sent_at_once_and_then_in_batches(story, outlet):
    story.sinks = [JsonLines(outlet)]
    story.begin(tests=5)
    assert outlet.data.count(b"\n") == 3
    story.end("t.py::0")
    assert outlet.data.count(b"\n") == 4
    story.end("t.py::1")
    story.end("t.py::2", Outcome.FAILED)
    assert outlet.data.count(b"\n") == 4
    story.wait(0.1)
    assert outlet.data.count(b"\n") == 6


def test_a_batch_does_not_grow_without_end(story, outlet):
    story.sinks = [JsonLines(outlet)]
    story.begin(tests=5)
    for number in range(1000):
        story.end(f"t.py::{number}")
    assert outlet.data.count(b"\n") > 500
    assert outlet.writes < 20


def test_the_outlet_is_closed_at_the_end(story, outlet, some_verdict):
    JsonLines(outlet).close(story.state, some_verdict)
    assert outlet.closed
