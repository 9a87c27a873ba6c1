import gc


def refers_to_a_local():
    local = ["only this coroutine"]
    found = gc.get_referrers(local)
    yield len(found)


def test_a_running_generator_asks_for_what_refers_to_its_local():
    assert next(refers_to_a_local()) == 0


async def asks():
    local = ["only this coroutine"]
    return len(gc.get_referrers(local))


def test_a_running_coroutine_does():
    try:
        asks().send(None)
    except StopIteration as end:
        assert end.value == 0
