from __future__ import annotations

import asyncio
import json

import pytest

from test_framework.model import facts as f
from test_framework.model.errors import UserError
from test_framework.model.outcome import Outcome
from test_framework.sinks import websocket
from test_framework.sinks.websocket import AT_ONCE, MOST_WAITING, STALL_SECONDS, WebSocketStream


class Manager:
    """Keeps what it is sent; `gate` holds every message back until it is set."""

    def __init__(self, fail_at=None):
        self.got = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fail_at = fail_at

    async def send_to_thread(self, thread_id, message):
        await self.gate.wait()
        if len(self.got) == self.fail_at:
            raise ConnectionError("client went away")
        self.got.append((thread_id, message))

    @property
    def messages(self):
        return [message for _, message in self.got]


def streamed(story, manager, thread_id="thread-1", **more):
    failures = []
    stream = WebSocketStream(manager, thread_id, lambda *failure: failures.append(failure), **more)
    stream.start()
    story.sinks = [stream]
    return stream, failures


def test_a_manager_gets_the_same_facts_as_dicts_and_in_order(story, every_fact):
    async def scene():
        manager = Manager()
        stream, failures = streamed(story, manager)
        for fact in every_fact("text"):
            story.say(fact)
            story.wait(0.1)
        await stream.finish()
        assert [thread for thread, _ in manager.got] == ["thread-1"] * len(story.told)
        for stamped, message in zip(story.told, manager.messages, strict=True):
            assert {**message, "crc": json.loads(stamped.line)["crc"]} == json.loads(stamped.line)
        assert failures == []

    asyncio.run(scene())


def test_without_a_thread_everybody_is_told(story):
    got = []

    class Everybody:
        async def broadcast(self, message):
            got.append(message["type"])

    async def scene():
        stream, _ = streamed(story, Everybody(), None)
        story.begin(1)
        await stream.finish()
        assert got == ["run.started", "run.planned", "layer.started"]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("thread", "missing"), [("thread-1", "send_to_thread"), (None, "broadcast")], ids=["thread", "broadcast"]
)
def test_a_manager_that_cannot_send_is_refused_by_what_it_lacks(thread, missing):
    with pytest.raises(UserError, match=f"object has no {missing}"):
        WebSocketStream(object(), thread, print)


def test_routine_facts_of_a_busy_moment_are_counted_instead_and_none_is_lost(story):
    async def scene():
        manager = Manager()
        stream, failures = streamed(story, manager)
        story.begin(200)
        for number in range(200):
            story.start(f"t{number}")
            story.end(f"t{number}")
        bad = story.end("bad", Outcome.FAILED, message="why")
        story.finish("failed")
        await stream.finish()
        assert failures == []
        kinds = [message["type"] for message in manager.messages]
        assert kinds.count("progress") == 1
        assert kinds.count("test.started") + kinds.count("test.finished") == AT_ONCE + 1
        assert kinds[-4:] == ["progress", "test.finished", "layer.finished", "run.finished"]
        assert manager.messages[-3]["test"] == bad.test
        progress = manager.messages[kinds.index("progress")]
        covered = progress["seq"] - progress["first_seq"] + 1
        assert covered == sum(progress["coalesced"].values()) == 400 - AT_ONCE
        assert progress["outcomes"] == {"passed": progress["coalesced"]["test.finished"]}
        assert progress["layers"]["fast_feedback"]["tests"] == 200
        seen = [message["seq"] for message in manager.messages]
        assert seen == sorted(seen)
        assert len(seen) - 1 + covered == len(story.told)

    asyncio.run(scene())


def test_after_a_tick_routine_facts_are_told_one_by_one_again(story):
    async def scene():
        manager = Manager()
        stream, _ = streamed(story, manager)
        for number in range(AT_ONCE + 1):
            story.start(f"t{number}")
        story.wait(0.1)
        story.start("afterwards")
        await stream.finish()
        assert [message["type"] for message in manager.messages[-2:]] == ["progress", "test.started"]
        assert manager.messages[-1]["test"] == "afterwards"

    asyncio.run(scene())


def test_what_waits_for_a_slow_manager_is_bounded_even_when_every_test_fails(story):
    async def scene():
        manager = Manager()
        manager.gate.clear()
        stream, _ = streamed(story, manager)
        for number in range(3 * MOST_WAITING):
            story.end(f"t{number}", Outcome.FAILED)
        story.say(f.CancelRequested(reason="failures"))
        assert len(stream._waiting) <= MOST_WAITING + 2
        manager.gate.set()
        await stream.finish()
        kinds = [message["type"] for message in manager.messages]
        assert kinds == ["test.finished"] * MOST_WAITING + ["progress", "cancel.requested"]
        assert manager.messages[-2]["outcomes"] == {"failed": 2 * MOST_WAITING}

    asyncio.run(scene())


def test_a_manager_that_raises_is_named_once_and_gets_nothing_more(story):
    async def scene():
        manager = Manager(fail_at=2)
        stream, failures = streamed(story, manager)
        story.begin(3)
        await asyncio.sleep(0)
        story.start("t0")
        await stream.finish()
        story.start("t1")
        await stream.finish()
        assert len(manager.got) == 2
        assert failures == [("websocket", "ConnectionError: client went away")]

    asyncio.run(scene())


def test_a_manager_that_stalls_is_given_up_when_one_message_takes_too_long(story):
    async def scene():
        manager = Manager()
        manager.gate.clear()
        stream, failures = streamed(story, manager, clock=story.clock)
        story.begin(3)
        await asyncio.sleep(0)  # the stream's task takes its first message
        story.wait(STALL_SECONDS - 1)
        assert failures == []
        story.wait(2.0)
        assert [name for name, _ in failures] == ["websocket"]
        assert "stalled" in failures[0][1]
        await stream.finish()
        assert manager.got == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())


def test_at_the_end_a_stalled_manager_is_waited_for_only_so_long(story, monkeypatch):
    monkeypatch.setattr(websocket, "LAST_SECONDS", 0.05)

    async def scene():
        manager = Manager()
        manager.gate.clear()
        stream, failures = streamed(story, manager)
        story.begin(1)
        await asyncio.wait_for(stream.finish(), 5.0)
        assert len(failures) == 1
        assert "3 messages were not taken" in failures[0][1]

    asyncio.run(scene())


def test_a_manager_that_vanishes_while_it_is_used_leaves_no_task_behind(story):
    async def scene():
        stream, failures = streamed(story, Manager())
        story.begin(1)
        stream.stop()
        story.start("t0")
        await stream.finish()
        assert failures == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())
