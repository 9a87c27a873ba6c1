import pathlib
import time

import pytest

LOG = pathlib.Path(__file__).with_name("overlap-log.txt")


@pytest.fixture(autouse=True)
def interval(request):
    start = time.monotonic()
    time.sleep(0.03)
    yield
    with LOG.open("a") as file:
        file.write(f"{request.node.nodeid} {start!r} {time.monotonic()!r}\n")
