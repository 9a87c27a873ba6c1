from shapes import used


def test_used():
    assert used() == 1
