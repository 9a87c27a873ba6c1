import os
import pathlib
import shutil
import stat

import pytest

OUTSIDE = pathlib.Path(__file__).parent / "outside.txt"


@pytest.fixture(scope="module", autouse=True)
def outside():
    OUTSIDE.write_text("not yours")
    OUTSIDE.chmod(0o400)
    yield
    assert stat.S_IMODE(OUTSIDE.stat().st_mode) == 0o400
    OUTSIDE.unlink()


def test_deletes_its_directory(tmp_path):
    shutil.rmtree(tmp_path)


def test_gets_another_directory(tmp_path, tmp_path_factory):
    (tmp_path / "file").write_text("x")
    assert (tmp_path_factory.mktemp("more") / "missing").exists() is False


def test_closes_its_directory(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "file").write_text("x")
    inner.chmod(0)
    tmp_path.chmod(0)


def test_links_to_the_outside(tmp_path):
    os.symlink(OUTSIDE, tmp_path / "link")
    os.symlink("/", tmp_path / "root")
    tmp_path.chmod(0o500)


@pytest.mark.parametrize("number", range(3))
def test_directories_differ(tmp_path, number):
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text(str(number))
