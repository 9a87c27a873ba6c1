import os
import time

import pytest


@pytest.mark.parametrize("number", range(1))
@pytest.mark.parametrize("name", ["CONFIGURED", "CLEANED", "STARTED", "INSTANCE"])
def test_is_there(name, number):
    time.sleep(0.02)
    assert os.path.isdir(os.environ[name])
