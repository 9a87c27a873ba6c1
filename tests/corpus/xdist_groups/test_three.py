import time

import pytest


@pytest.mark.xdist_group("shared")
def test_shared():
    time.sleep(0.05)


@pytest.mark.xdist_group(name="other")
def test_other():
    time.sleep(0.05)


@pytest.mark.parametrize("number", range(4))
def test_free(number):
    time.sleep(0.02)
