import pathlib
import random

import pytest

LOG = pathlib.Path(__file__).with_name("random-log.txt")


@pytest.fixture(autouse=True)
def log(request):
    with LOG.open("a") as file:
        file.write(f"{request.node.nodeid} {random.random()!r}\n")
