import os

import pytest


@pytest.fixture(scope="module")
def patched_module(module_mocker):
    return module_mocker.patch("os.getlogin", return_value="nobody")


def test_patch(mocker):
    mocker.patch("os.getcwd", return_value="/nowhere")
    assert os.getcwd() == "/nowhere"


def test_patch_was_undone():
    assert os.getcwd() != "/nowhere"


def test_spy(mocker):
    spy = mocker.spy(os.path, "basename")
    assert os.path.basename("a/b") == "b"
    spy.assert_called_once_with("a/b")


def test_difference_is_shown(mocker):
    stub = mocker.stub("called")
    stub(1)
    stub.assert_called_once_with(2)


def test_module_patch(patched_module):
    assert os.getlogin() == "nobody"


def test_module_patch_again(patched_module):
    assert os.getlogin() == "nobody"
    assert patched_module.call_count == 2


def test_patched_clock(mocker):
    mocker.patch("time.monotonic", return_value=0)
    mocker.patch("time.perf_counter", return_value=0)
    mocker.patch("time.time", return_value=0)
