def test_in_an_odd_file():
    assert True
