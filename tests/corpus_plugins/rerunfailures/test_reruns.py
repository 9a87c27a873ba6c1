import pytest


def test_passes(turn):
    assert turn == 1


def test_passes_at_the_second_turn(turn):
    assert turn == 2


def test_passes_at_the_third_turn(turn):
    assert turn == 3


def test_always_fails(turn):
    assert turn == 0


@pytest.mark.flaky(reruns=4)
def test_more_reruns(turn):
    assert turn == 5


@pytest.mark.flaky(reruns=3, only_rerun=["ValueError"])
def test_other_error_is_not_rerun(turn):
    raise KeyError("x")


@pytest.fixture
def breaks_once(turn):
    assert turn > 1


def test_setup_breaks_once(breaks_once):
    assert True
