import os
import pathlib

HERE = pathlib.Path(__file__).parent


def test_starts_in_the_project():
    assert pathlib.Path.cwd() == HERE


def test_changes_directory(tmp_path):
    os.chdir(tmp_path)


def test_is_where_the_one_before_went():
    assert pathlib.Path.cwd() != HERE
