import time

import pytest


@pytest.mark.parametrize("number", range(5))
def test_independent(number):
    time.sleep(0.02)
    assert number < 5
