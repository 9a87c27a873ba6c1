import time

import pytest
from shapes import area


@pytest.mark.parametrize("size", [(1, 2), (3, 4)])
def test_area(size):
    time.sleep(0.1)
    assert area(*size) == size[0] * size[1]


def test_negative():
    with pytest.raises(ValueError):
        area(-1, 1)
