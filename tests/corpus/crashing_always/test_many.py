import pytest


@pytest.mark.parametrize("number", range(8))
def test_number(number):
    assert number >= 0
