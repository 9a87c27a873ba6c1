def test_first():
    assert True


def test_breaks_a_plugin():
    assert True
