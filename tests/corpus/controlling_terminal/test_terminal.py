import os

import pytest


def test_has_no_controlling_terminal():
    with pytest.raises(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
