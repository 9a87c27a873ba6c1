import time


def test_square():
    from shapes.lazy import square

    time.sleep(0.1)
    assert square(3) == 9


def test_large_square():
    from shapes.lazy import square

    assert square(100) == 10000
