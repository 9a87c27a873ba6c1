import pytest


@pytest.mark.parametrize("number", range(6))
def test_free(number):
    assert number >= 0


@pytest.mark.serial
def test_alone():
    assert True
