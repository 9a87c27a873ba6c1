import os


def test_before():
    assert True


def test_closes_all_descriptors():
    os.closerange(0, 65536)


def test_after():
    assert True
