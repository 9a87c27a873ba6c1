import os
import signal

import pytest


@pytest.fixture
def xfailing_fixture():
    pytest.xfail("known in setup")


@pytest.fixture
def breaks():
    raise RuntimeError("setup broke")


@pytest.mark.xfail(reason="known")
def test_xfail():
    assert False


@pytest.mark.xfail(reason="but it works")
def test_xpass():
    assert True


@pytest.mark.xfail(strict=True, reason="must fail")
def test_strict_xpass():
    assert True


@pytest.mark.xfail(strict=True, reason="must fail")
def test_strict_xfail():
    assert False


@pytest.mark.xfail(raises=ValueError)
def test_raises_as_expected():
    raise ValueError


@pytest.mark.xfail(raises=ValueError)
def test_raises_something_else():
    raise KeyError


@pytest.mark.xfail(run=False, reason="would kill the process")
def test_not_run():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.xfail(False, reason="condition is false")
def test_condition_false():
    assert True


def test_imperative():
    pytest.xfail("noticed while running")


def test_imperative_in_fixture(xfailing_fixture):
    assert False


@pytest.mark.xfail(reason="setup is known to break")
def test_xfail_in_setup(breaks):
    assert True


@pytest.mark.parametrize("value", [1, pytest.param(2, marks=pytest.mark.xfail), pytest.param(3, marks=pytest.mark.skip)])
def test_parameters(value):
    assert value != 2


def test_xfail_added_while_running(request):
    request.applymarker(pytest.mark.xfail(reason="added"))
    assert False
