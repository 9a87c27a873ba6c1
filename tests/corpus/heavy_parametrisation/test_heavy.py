import pytest


@pytest.mark.parametrize("left", range(60))
@pytest.mark.parametrize("right", range(50))
def test_sum(left, right):
    assert (left, right) != (59, 49)
