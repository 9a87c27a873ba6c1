import time

import pytest


def test_quick():
    assert True


def test_too_slow():
    time.sleep(60)


@pytest.mark.timeout(0.1)
def test_own_limit():
    while True:
        pass


@pytest.mark.timeout(20)
def test_longer_limit():
    time.sleep(0.5)


@pytest.fixture
def slow():
    time.sleep(60)


def test_slow_fixture(slow):
    assert True
