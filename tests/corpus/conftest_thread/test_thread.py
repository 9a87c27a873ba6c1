import pytest


@pytest.mark.parametrize("number", range(4))
def test_the_thread_answers(ask, number):
    assert ask(number) == 2 * number
