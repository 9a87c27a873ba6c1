import os
import pathlib

HERE = pathlib.Path(__file__).parent


def test_goes_elsewhere(tmp_path):
    os.chdir(tmp_path)


def test_relies_on_being_there():
    assert pathlib.Path.cwd() != HERE


def test_fails_for_it():
    assert pathlib.Path("test_directory.py").exists()
