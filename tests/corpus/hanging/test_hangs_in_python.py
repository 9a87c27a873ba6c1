import threading
import time


def test_before():
    assert True


def test_busy_loop():
    while True:
        pass


def test_sleeps_for_ever():
    time.sleep(3600)


def test_waits_for_a_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def test_after():
    assert True
