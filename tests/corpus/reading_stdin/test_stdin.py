import os
import subprocess
import sys

import pytest


def test_descriptor_is_empty():
    assert os.read(0, 10) == b""


def test_input_is_refused_by_capture():
    with pytest.raises(OSError):
        input()


def test_child_reads_nothing():
    child = subprocess.run(
        [sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"], capture_output=True, text=True, check=True
    )
    assert child.stdout == "''\n"
