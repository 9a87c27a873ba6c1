import pytest


@pytest.fixture
def breaks_in_setup():
    raise RuntimeError("broken in setup")


@pytest.fixture
def breaks_in_teardown():
    yield
    raise RuntimeError("broken in teardown")


@pytest.fixture(scope="module")
def broken_module_fixture():
    raise RuntimeError("broken for the module")


def test_passes():
    assert True


def test_setup_error(breaks_in_setup):
    assert True


def test_teardown_error(breaks_in_teardown):
    assert True


def test_failure_and_teardown_error(breaks_in_teardown):
    assert False


def test_missing_fixture(there_is_no_such_fixture):
    assert True


def test_module_fixture_breaks_the_first(broken_module_fixture):
    assert True


def test_module_fixture_breaks_the_second(broken_module_fixture):
    assert True


class TestXunit:
    def setup_method(self, method):
        if method.__name__ == "test_setup_method_breaks":
            raise RuntimeError("setup_method broke")

    def teardown_method(self, method):
        if method.__name__ == "test_teardown_method_breaks":
            raise RuntimeError("teardown_method broke")

    def test_setup_method_breaks(self):
        assert True

    def test_teardown_method_breaks(self):
        assert True

    def test_is_fine(self):
        assert True
