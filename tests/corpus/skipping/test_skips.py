import sys

import pytest


@pytest.fixture
def skipping_fixture():
    pytest.skip("skipped in a fixture")


@pytest.mark.skip(reason="always skipped")
def test_skip_mark():
    assert False


@pytest.mark.skipif(sys.version_info >= (3,), reason="Python 3")
def test_skipif_true():
    assert False


@pytest.mark.skipif(sys.version_info < (3,), reason="Python 2")
def test_skipif_false():
    assert True


@pytest.mark.skipif("sys.platform == 'linux'", reason="a condition given as text")
def test_skipif_text():
    assert False


def test_importorskip():
    pytest.importorskip("there_is_no_such_module")


def test_skip_inside():
    pytest.skip("skipped inside")


def test_skip_in_fixture(skipping_fixture):
    assert False


@pytest.mark.skip
class TestSkippedClass:
    def test_never(self):
        assert False
