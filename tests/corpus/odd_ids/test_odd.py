import pytest

ODD = [
    "new\nline", "tab\tand\rreturn", "émoji 🎉", "\u202eright to left\u202c", "../../etc/passwd", "a::b[c]", "", " ",
    "\\x00 as text", "real\x00nul", "\x1b[31mred", '"quotes\'', "x" * 5000, "--rootdir=/", "$(touch oops)", "</script>",
]


@pytest.mark.parametrize("value", ODD, ids=ODD)
def test_odd(value):
    assert isinstance(value, str)


@pytest.mark.parametrize("value", ["🎉\n", "bad\x00"], ids=str)
def test_odd_failure(value):
    assert value == "something else"


def test_ünïcode_name():
    assert True
