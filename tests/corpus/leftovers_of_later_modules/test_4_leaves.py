import time

import pytest


@pytest.mark.parametrize("number", range(6))
def test_leaves_something_behind(left, number):
    time.sleep(0.02)
    left.append(number)
