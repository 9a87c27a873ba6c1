import os
import pathlib
import tempfile

HERE = pathlib.Path(__file__).parent


def test_is_back_in_the_project():
    assert pathlib.Path.cwd() == HERE


def test_deletes_its_working_directory():
    gone = tempfile.mkdtemp()
    os.chdir(gone)
    os.rmdir(gone)
