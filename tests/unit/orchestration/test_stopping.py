from __future__ import annotations

import asyncio
import threading

import pytest

from test_framework.orchestration.stopping import stop_words, wait_ended


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (("interrupt",), ("interrupt", "interrupted by the user")),
        (("signal", "SIGTERM came"), ("signal", "SIGTERM came")),
        (("budget",), ("budget", "budget")),
        (("the branch was deleted",), ("interrupt", "the branch was deleted")),
        (("the branch was deleted", "by its owner"), ("interrupt", "by its owner")),
    ],
)
def test_a_reason_is_the_name_of_one_or_what_a_person_would_say(
    told: tuple[str, ...], words: tuple[str, str]
) -> None:
    assert stop_words(*told) == words


def test_the_end_of_a_task_can_be_waited_for_in_its_own_loop_and_in_another() -> None:
    order: list[str] = []

    async def scene() -> None:
        gate = asyncio.Event()

        async def work() -> None:
            await gate.wait()
            order.append("worked")

        task = asyncio.create_task(work())
        loop = asyncio.get_running_loop()
        waiting = threading.Barrier(2)

        async def elsewhere() -> None:
            waits = asyncio.create_task(wait_ended(task))
            await asyncio.sleep(0)  # it waits from here on
            waiting.wait()
            loop.call_soon_threadsafe(gate.set)
            await waits
            order.append("seen elsewhere")

        other = asyncio.create_task(asyncio.to_thread(asyncio.run, elsewhere()))
        await asyncio.to_thread(waiting.wait)
        await wait_ended(task)
        await wait_ended(task)
        order.append("seen here")
        await other

    asyncio.run(scene())
    assert order[0] == "worked"
    assert sorted(order[1:]) == ["seen elsewhere", "seen here"]


def test_who_waits_for_a_task_and_is_cancelled_leaves_the_task_alone() -> None:
    async def scene() -> None:
        gate = asyncio.Event()
        task = asyncio.create_task(gate.wait())
        waits = asyncio.create_task(wait_ended(task))
        await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert not task.cancelled()
        gate.set()
        assert await task

    asyncio.run(scene())
