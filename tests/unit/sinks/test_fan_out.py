from __future__ import annotations

import os

from test_framework.model import facts as f
from test_framework.sinks.fan_out import FanOut
from test_framework.sinks.jsonl import JsonLines
from test_framework.sinks.outlet import Outlet, write_fully


class Recording:
    def __init__(self, name="recording", fail_at=None):
        self.name = name
        self.fail_at = fail_at
        self.seen = []

    def _do(self, what):
        if what == self.fail_at:
            raise RuntimeError("gone")
        self.seen.append(what)

    def handle(self, stamped, state):
        self._do(stamped.seq)

    def tick(self, state):
        self._do("tick")

    def close(self, state, verdict):
        self._do("close")


def told(story, fan, number):
    story.sinks = [fan]
    for place in range(number):
        story.say(f.WorkerStarted(worker=f"gw{place}", generation=1, pid=place))


def test_each_sink_gets_each_fact_in_order(story, some_verdict):
    one, two = Recording(), Recording()
    fan = FanOut([one, two], lambda *failure: None)
    told(story, fan, 3)
    fan.tick(story.state)
    fan.close(story.state, some_verdict)
    assert one.seen == two.seen == [0, 1, 2, "tick", "close"]


def test_a_sink_that_raises_is_named_once_and_gets_nothing_more(story, some_verdict):
    broken, well = Recording("broken", fail_at=1), Recording("well")
    failures = []
    fan = FanOut([broken, well], lambda *failure: failures.append(failure))
    told(story, fan, 4)
    fan.close(story.state, some_verdict)
    assert failures == [("broken", "RuntimeError: gone")]
    assert broken.seen == [0]
    assert well.seen == [0, 1, 2, 3, "close"]


def test_a_sink_that_raises_in_a_tick_or_at_close_is_named_too(story, some_verdict):
    failures = []
    fan = FanOut(
        [Recording("a", fail_at="tick"), Recording("b", fail_at="close")],
        lambda *failure: failures.append(failure),
    )
    fan.tick(story.state)
    fan.tick(story.state)
    fan.close(story.state, some_verdict)
    fan.close(story.state, some_verdict)
    assert failures == [("a", "RuntimeError: gone"), ("b", "RuntimeError: gone")]


def test_the_fact_about_a_broken_sink_reaches_the_others_after_the_one_that_broke_it(story):
    broken, well = Recording("broken", fail_at=1), Recording("well")
    fan = FanOut([broken, well], lambda sink, message: story.say(f.SinkFailed(sink=sink, message=message)))
    told(story, fan, 3)
    assert [each.fact.WIRE_TYPE for each in story.told] == [
        "worker.started",
        "worker.started",
        "sink.failed",
        "worker.started",
    ]
    assert well.seen == [0, 1, 2, 3]


def test_the_last_sink_hears_of_one_that_fails_at_close(story, some_verdict):
    broken, last = Recording("report", fail_at="close"), Recording("console")
    fan = FanOut([broken, last], lambda sink, message: story.say(f.SinkFailed(sink=sink, message=message)))
    story.sinks = [fan]
    fan.close(story.state, some_verdict)
    assert last.seen == [0, "close"]
    assert story.state.broken_sinks == {"report": "RuntimeError: gone"}


def test_a_reader_that_goes_away_ends_its_sink_and_not_the_run(story, some_verdict):
    reading, writing = os.pipe()
    os.close(reading)
    outlet = Outlet(lambda data: write_fully(writing, data))
    well, failures = Recording(), []
    fan = FanOut([JsonLines(outlet), well], lambda *failure: failures.append(failure))
    told(story, fan, 2)
    fan.close(story.state, some_verdict)
    os.close(writing)
    assert failures == [("json", "its reader went away (broken pipe)")]
    assert well.seen == [0, 1, "close"]


def test_a_sink_can_come_and_go_while_the_run_goes_on(story, some_verdict):
    first, late = Recording("first"), Recording("late")
    fan = FanOut([first], lambda *failure: None)
    told(story, fan, 2)
    fan.add(late)
    told(story, fan, 1)
    fan.remove(first)
    fan.remove(first)
    told(story, fan, 1)
    fan.close(story.state, some_verdict)
    assert first.seen == [0, 1, 2]
    assert late.seen == [2, 3, "close"]
