import sys

import pytest


def test_before():
    assert True


def test_sys_exit_zero():
    sys.exit(0)


def test_sys_exit_three():
    sys.exit(3)


def test_sys_exit_text():
    sys.exit("with a message")


def test_expected_exit():
    with pytest.raises(SystemExit):
        sys.exit(1)


def test_after():
    assert True
