import anyio
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
async def channel():
    send, receive = anyio.create_memory_object_stream(1)
    async with send, receive:
        yield send, receive


async def test_channel(channel):
    send, receive = channel
    await send.send("x")
    assert await receive.receive() == "x"


async def test_task_group():
    seen = []

    async def add(number):
        await anyio.sleep(0)
        seen.append(number)

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(add, number)
    assert sorted(seen) == [0, 1, 2]


async def test_fails(anyio_backend_name):
    assert anyio_backend_name == "asyncio"
