import os
import pathlib
import tempfile

HERE = pathlib.Path(__file__).parent


def test_starts_in_the_project():
    assert pathlib.Path.cwd() == HERE


def test_changes_directory(tmp_path):
    os.chdir(tmp_path)


def test_is_back_in_the_project():
    assert pathlib.Path.cwd() == HERE


def test_deletes_its_working_directory():
    gone = tempfile.mkdtemp()
    os.chdir(gone)
    os.rmdir(gone)


def test_is_back_again(tmp_path):
    assert pathlib.Path.cwd() == HERE
    assert tmp_path.is_dir()
