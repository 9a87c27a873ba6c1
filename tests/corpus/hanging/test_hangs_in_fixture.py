import time

import pytest


@pytest.fixture
def hangs_in_setup():
    time.sleep(3600)


@pytest.fixture
def hangs_in_teardown():
    yield
    time.sleep(3600)


def test_hangs_in_setup(hangs_in_setup):
    assert True


def test_hangs_in_teardown(hangs_in_teardown):
    assert True


def test_after():
    assert True
