def test_first():
    pass


def test_second():
    raise ValueError


def test_third():
    pass
