import pytest


@pytest.mark.parametrize("number", range(20))
def test_stays_as_it_is(number):
    assert number >= 0


def test_fails_honestly():
    assert False
