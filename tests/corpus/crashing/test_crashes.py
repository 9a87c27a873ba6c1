import ctypes
import os
import signal


def test_before():
    assert True


def test_segfault():
    ctypes.string_at(0)


def test_between_one():
    assert True


def test_abort():
    os.abort()


def test_exit_zero_is_no_pass():
    os._exit(0)


def test_between_two():
    assert True


def test_exit_three():
    os._exit(3)


def test_kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def test_after():
    assert True
