import pytest


def helper(value):
    raise ValueError(f"bad value {value}")


def test_passes_before():
    assert True


def test_plain_assertion():
    left, right = {"a": 1, "b": 2}, {"a": 1, "b": 3}
    assert left == right


def test_exception_in_a_helper():
    helper(7)


def test_explicit_failure():
    pytest.fail("said so")


def test_failure_without_traceback():
    pytest.fail("only one line", pytrace=False)


def test_not_raised():
    with pytest.raises(KeyError):
        {}.get("x")


def test_unprintable_exception():
    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError("cannot be shown")

    raise Unprintable


def test_base_exception():
    raise GeneratorExit("not an Exception")


def test_recursion():
    test_recursion()


def test_passes_after():
    assert True
