import time

import pytest


@pytest.mark.parametrize("number", range(6))
def test_uses_the_module(module_fixture, number):
    time.sleep(0.02)
    assert module_fixture == __name__


def test_uses_a_function_fixture(function_fixture):
    assert True
