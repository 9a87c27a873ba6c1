import os
import shutil

import pytest


@pytest.fixture(scope="session")
def output():
    """A directory of a fixed name: there can be one of it."""
    os.mkdir("output")
    yield "output"
    shutil.rmtree("output")
