import pathlib


def test_place(place):
    assert place == "shipping"


def test_own_file():
    assert pathlib.Path(__file__).parts[-3] == "shipping"


def test_same_name():
    assert "shipping" == "billing"
