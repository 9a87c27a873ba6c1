import os
import subprocess
import sys

SLEEP = "import time; time.sleep(600)"
MARK = os.environ.get("APEX_CORPUS_MARK", "apex-corpus")


def leave(label, **options):
    child = subprocess.Popen([sys.executable, "-c", SLEEP, MARK, label], **options)
    assert child.poll() is None
    child.returncode = 0  # keeps the ResourceWarning of a forgotten child away


def test_before():
    assert True


def test_child_holds_standard_output():
    leave("holds-stdout")


def test_child_in_a_session_of_its_own():
    leave("own-session", start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_child_without_environment():
    leave("no-environment", start_new_session=True, env={}, close_fds=False)


def test_child_with_every_descriptor_and_a_failure():
    leave("every-descriptor", close_fds=False)
    assert False


def test_daemon_whose_parent_is_gone():
    code = (
        "import os, subprocess, sys\n"
        "os.setsid()\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}, {MARK!r}, 'orphan'])\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_after():
    assert True
