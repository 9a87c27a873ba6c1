"""What every sink must do, whatever it does with the facts; each implementation passes this unchanged."""

from __future__ import annotations

import copy
import re

from test_framework.core.run_state import RunState

HOSTILE = "a\x1b]0;owned\x07\x1b[2J\r\n\t\x00\x9b31m\u202e\ud800\udfff\ufffe <&'\"]]> \u4f60\u597d \U0001f600"


def test_a_sink_has_a_name(sink):
    assert re.fullmatch("[a-z][a-z-]*", sink.name)


def test_a_sink_takes_every_kind_of_fact_with_any_text_in_it(sink, story, every_fact, some_verdict):
    story.sinks = [sink]
    for fact in every_fact(HOSTILE):
        story.say(fact)
        story.wait(0.1)
    sink.close(story.state, some_verdict)


def test_a_sink_reads_the_state_and_never_writes_it(sink, story, every_fact, some_verdict):
    story.sinks = [sink]
    plain = RunState(run="run-1")
    for fact in every_fact("text"):
        story.say(fact)
        plain.apply(fact, story.now)
        assert story.state == plain
    kept = copy.deepcopy(story.state)
    sink.tick(story.state)
    sink.close(story.state, some_verdict)
    assert story.state == kept


def test_a_sink_that_saw_nothing_can_be_closed(sink, some_verdict):
    sink.tick(RunState())
    sink.close(RunState(), some_verdict)


def test_a_sink_can_join_a_run_that_is_under_way(sink, story, every_fact, some_verdict):
    facts = list(every_fact("text"))
    for fact in facts[:7]:
        story.say(fact)
    story.sinks = [sink]
    for fact in facts[7:]:
        story.say(fact)
        story.wait(0.1)
    sink.close(story.state, some_verdict)
