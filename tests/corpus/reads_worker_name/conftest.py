import os

import pytest

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "master")


@pytest.fixture
def worker_at_import():
    return WORKER
