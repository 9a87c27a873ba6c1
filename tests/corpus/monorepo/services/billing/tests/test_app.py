import pathlib


def test_place(place):
    assert place == "billing"


def test_own_file():
    assert pathlib.Path(__file__).parts[-3] == "billing"


def test_same_name():
    assert "billing" == "billing"
