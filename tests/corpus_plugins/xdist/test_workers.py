import time

import pytest
import xdist


@pytest.mark.parametrize("number", range(6))
def test_resource(resource, worker_id, number):
    time.sleep(0.02)
    assert resource == f"resource-{worker_id}" != "resource-master"


def test_knows_its_place(request):
    assert xdist.is_xdist_worker(request)
    assert not xdist.is_xdist_controller(request)
    assert xdist.get_xdist_worker_id(request) == request.config.workerinput["workerid"]


def test_fails(worker_id):
    assert worker_id == "master"
