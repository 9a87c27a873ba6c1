import pathlib

HERE = pathlib.Path(__file__).parent


def test_is_back_again(tmp_path):
    assert pathlib.Path.cwd() == HERE
    assert tmp_path.is_dir()
