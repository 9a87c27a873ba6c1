async def test_coroutine():
    assert True


def test_plain():
    assert True
