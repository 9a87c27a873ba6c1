def test_first():
    assert True


def test_second_fails():
    assert False


def test_third_fails():
    assert False


def test_fourth():
    assert True
