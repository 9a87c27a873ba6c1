import os
import signal
import subprocess
import sys


def test_changes_handlers():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGALRM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def test_children_can_be_waited_for():
    child = subprocess.run([sys.executable, "-c", "raise SystemExit(4)"], check=False)
    assert child.returncode == 4


def test_blocks_everything():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def test_nothing_is_blocked():
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_sets_an_alarm():
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 3600)


def test_has_no_alarm():
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_wakeup_descriptor():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    os.close(reader)


def test_has_no_wakeup_descriptor():
    assert signal.set_wakeup_fd(-1) == -1
