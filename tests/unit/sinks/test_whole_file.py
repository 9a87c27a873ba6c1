from __future__ import annotations

import os

import pytest

from test_framework.sinks.whole_file import whole_file, writable


def write_half(path):
    with whole_file(path) as stream:
        stream.write(b"half")
        raise RuntimeError


def test_a_file_is_there_in_full_or_as_it_was(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_half(path)
    assert path.read_bytes() == b"old"
    with whole_file(path) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    with whole_file(link) as stream:
        stream.write(b"x")
    assert link.is_symlink()
    assert (tmp_path / "target").read_bytes() == b"x"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writable(path)
    with whole_file(path) as stream:
        stream.write(b"x")
    assert os.read(reading, 10) == b"x"
    os.close(reading)
    assert path.is_fifo()


def test_permissions_are_those_of_any_new_file(tmp_path):
    with whole_file(tmp_path / "a") as stream:
        stream.write(b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_folder_that_cannot_be_written_is_known_early(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *asked: False)  # root, who runs many tests, may write anywhere
    with pytest.raises(PermissionError, match=r"a\.xml"):
        writable(tmp_path / "a.xml")


def test_a_folder_in_the_way_is_known_early(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(IsADirectoryError):
        writable(tmp_path)
    with pytest.raises(NotADirectoryError):
        writable(tmp_path / "file" / "a")
