import os
import time

import pytest


@pytest.mark.parametrize("number", range(4))
def test_uses_the_directory(output, number):
    time.sleep(0.05)
    assert os.path.isdir(output)
