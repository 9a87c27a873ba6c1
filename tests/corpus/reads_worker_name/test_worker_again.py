import os

import pytest


@pytest.mark.parametrize("number", range(4))
def test_worker_is_the_one_read_at_import(worker_at_import, number):
    assert worker_at_import == os.environ.get("PYTEST_XDIST_WORKER", "master")
