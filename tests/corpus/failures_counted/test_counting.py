def test_fails():
    raise ValueError


def test_hears_of_it(failed):
    assert failed == 1


def test_fails_too(failed):
    raise ValueError(failed)


def test_hears_of_both(failed):
    assert failed == 2
