import signal
import subprocess
import sys


def test_children_can_be_waited_for():
    child = subprocess.run([sys.executable, "-c", "raise SystemExit(4)"], check=False)
    assert child.returncode == 4


def test_nothing_is_blocked():
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_has_no_alarm():
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_has_no_wakeup_descriptor():
    assert signal.set_wakeup_fd(-1) == -1
