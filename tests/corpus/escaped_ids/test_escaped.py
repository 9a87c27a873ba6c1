import pytest


@pytest.mark.parametrize("value", [b"\xff\x00", "same", "same", None, 1.5, object, (1, 2)])
def test_generated_ids(value):
    assert value is None or value


ODD = ["new\nline", "émoji 🎉", "../../up", "a::b[c]", "", "real\x00nul"]


@pytest.mark.parametrize("value", ODD)
def test_odd(value):
    assert isinstance(value, str)
