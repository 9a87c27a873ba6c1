def test_one(package_fixture):
    assert True


def test_two(package_fixture, module_fixture):
    assert True
