import os

import pytest


@pytest.fixture
def crashes_in_setup():
    os._exit(5)


@pytest.fixture
def crashes_in_teardown():
    yield
    os._exit(6)


def test_crash_in_setup(crashes_in_setup):
    assert True


def test_crash_in_teardown(crashes_in_teardown):
    assert True


def test_neighbour():
    assert True
