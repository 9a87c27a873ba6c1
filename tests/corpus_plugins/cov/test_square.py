import time

from shapes import area


def test_square():
    time.sleep(0.1)
    assert area(2, 2) == 4


def test_fails():
    assert area(1, 1) == 2
