import ctypes
import os
import signal


def test_before():
    assert True


def test_sleeps_in_c_with_the_gil():
    ctypes.PyDLL(None).sleep(3600)


def test_stops_itself():
    os.kill(os.getpid(), signal.SIGSTOP)


def test_after():
    assert True
