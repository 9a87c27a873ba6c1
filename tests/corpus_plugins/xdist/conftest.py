import os

import pytest


@pytest.fixture(scope="session")
def resource(worker_id, testrun_uid):
    assert os.environ["PYTEST_XDIST_WORKER"] == worker_id
    assert os.environ["PYTEST_XDIST_TESTRUNUID"] == testrun_uid
    assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
    return f"resource-{worker_id}"
