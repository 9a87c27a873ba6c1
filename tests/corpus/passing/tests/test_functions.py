import pytest

from arithmetic import double  # found only when the project root is on sys.path, as `python -m pytest` puts it


def test_doubles_a_number():
    assert double(2) == 4


@pytest.mark.parametrize("number", [1, 2.5, "ab"])
def test_doubles_anything(number):
    assert double(number) == number * 2


class TestClass:
    def test_in_a_class(self):
        assert double(0) == 0

    class TestInner:
        def test_in_an_inner_class(self):
            assert double(-1) == -2
