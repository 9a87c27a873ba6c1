def test_nested():
    assert __name__.endswith("test_nested")
