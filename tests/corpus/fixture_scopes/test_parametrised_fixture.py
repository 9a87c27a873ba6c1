def test_one(colour):
    assert colour in ("red", "blue")


def test_two(colour):
    assert colour in ("red", "blue")
