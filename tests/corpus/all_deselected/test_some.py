def test_some():
    assert True
