import pytest


@pytest.mark.parametrize("number", range(3))
def test_directories_differ(tmp_path, number):
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text(str(number))


def test_session_directory_can_be_made(tmp_path_factory):
    assert tmp_path_factory.mktemp("elsewhere").is_dir()
