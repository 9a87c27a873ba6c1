import random

import pytest


@pytest.mark.parametrize("number", range(8))
def test_number(number):
    assert random.random() < 1


class TestClass:
    def test_first(self):
        assert True

    def test_second(self):
        assert True


def test_fails():
    assert False
