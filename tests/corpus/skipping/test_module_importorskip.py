import pytest

pytest.importorskip("there_is_no_such_module")


def test_never_collected():
    assert False
