import signal
import time


def test_swallows_exceptions():
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            continue


def test_ignores_sigterm():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def test_blocks_every_signal():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        pass


def test_after():
    assert True
