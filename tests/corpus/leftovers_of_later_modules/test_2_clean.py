def test_finds_nothing_left_behind(left):
    assert left == []


def test_finds_nothing_either(left):
    assert left == []
