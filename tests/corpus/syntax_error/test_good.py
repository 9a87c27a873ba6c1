def test_good():
    assert True


def test_good_failure():
    assert False
