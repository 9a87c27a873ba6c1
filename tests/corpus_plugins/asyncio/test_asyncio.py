import asyncio

import pytest
import pytest_asyncio


@pytest_asyncio.fixture
async def number():
    await asyncio.sleep(0)
    yield 3
    await asyncio.sleep(0)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared_loop():
    return asyncio.get_running_loop()


@pytest.mark.asyncio
async def test_awaits():
    assert await asyncio.sleep(0, "done") == "done"


@pytest.mark.asyncio
async def test_fixture(number):
    assert number == 3


@pytest.mark.asyncio
async def test_fails(number):
    await asyncio.sleep(0)
    assert number == 4


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("turn", range(4))
async def test_module_loop(shared_loop, turn):
    assert asyncio.get_running_loop() is shared_loop


@pytest.mark.asyncio
async def test_cancelled():
    task = asyncio.ensure_future(asyncio.sleep(60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.asyncio
@pytest.mark.xfail(reason="known")
async def test_known():
    assert False


def test_plain():
    assert True
