def test_three(package_fixture):
    assert True
