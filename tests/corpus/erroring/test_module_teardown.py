def teardown_module():
    raise RuntimeError("teardown_module broke")


def test_first():
    assert True


def test_last():
    assert True
