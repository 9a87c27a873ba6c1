"""Digests and listings: files are read again exactly when they may have changed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.records import changes
from test_framework.records.changes import (
    Digests,
    changed_since,
    importable_below,
    importable_names,
    looks_like_tests,
    names_digest,
    write_derived,
)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once."""
    monkeypatch.setattr(changes, "RACY_SECONDS", -60.0)


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"1")
    first = Digests(tmp_path, tmp_path / "digests.json")
    assert first.of("a.txt") == first.of("a.txt") == digest(b"1")
    assert first.reread == 1
    first.save()
    second = Digests.load(tmp_path, tmp_path / "digests.json")
    assert (second.of("a.txt"), second.reread) == (digest(b"1"), 0)
    (tmp_path / "a.txt").write_bytes(b"22")
    assert (second.of("a.txt"), second.reread) == (digest(b"22"), 1)


@pytest.mark.usefixtures("settled")
def test_a_file_replaced_by_one_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"1")
    seen = file.stat()
    digests = Digests(tmp_path)
    assert digests.of("a.txt") == digest(b"1")
    (tmp_path / "b.txt").write_bytes(b"2")
    os.utime(tmp_path / "b.txt", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    os.replace(tmp_path / "b.txt", file)
    assert file.stat().st_mtime_ns == seen.st_mtime_ns
    assert digests.of("a.txt") == digest(b"2")


def test_a_young_file_is_always_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"1")
    digests = Digests(tmp_path)
    assert digests.of("a.txt") == digests.of("a.txt")
    assert digests.reread == 2
    assert digests.known == {}


def test_what_is_no_regular_file_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    digests = Digests(tmp_path)
    assert [digests.of(path) for path in ("pipe", ".", "missing", "a\0b")] == [None] * 4
    assert digests.looked_at >= {str(tmp_path / "pipe"), str(tmp_path / "missing")}


@given(st.binary(max_size=200))
def test_a_damaged_memory_of_digests_is_none(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("digests")
    (root / "digests.json").write_bytes(content)
    assert Digests.load(root, root / "digests.json").known == {}


def test_only_files_older_than_the_run_are_unchanged(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"")
    written = (tmp_path / "a.py").stat().st_ctime
    assert changed_since(tmp_path, "a.py", written)
    assert not changed_since(tmp_path, "a.py", written + 2.5)
    os.utime(tmp_path / "a.py", (1, 1))
    assert changed_since(tmp_path, "a.py", written), "an old time can be given to a file, but not unseen"
    assert changed_since(tmp_path, "missing.py", time.time())


def test_names_of_caches_are_no_part_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = names_digest(tmp_path, ".")
    assert before == digest(b"a")
    (tmp_path / "__pycache__").mkdir()
    assert names_digest(tmp_path, ".") == before
    (tmp_path / "b").touch()
    assert names_digest(tmp_path, ".") == digest(b"a\0b")
    assert names_digest(tmp_path, "missing") is None


def test_importable_names_are_sources_extensions_and_directories_that_hold_some(tmp_path: Path) -> None:
    for path in (
        "a.py",
        "b.so",
        "c.txt",
        "pkg/deep/d.py",
        "docs/index.rst",
        "__pycache__/e.py",
        "node_modules/f.py",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert importable_names(tmp_path, "") == {"a.py", "b.so", "pkg/"}
    assert importable_names(tmp_path, "", frozenset(["docs"])) == {"a.py", "b.so", "pkg/", "docs/"}
    assert importable_names(tmp_path, "", before=time.time() - 1000) == frozenset()
    assert importable_names(tmp_path, "missing") == frozenset()
    assert importable_below(tmp_path, "pkg/") == ["pkg/deep/d.py"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/test_b.py", True), ("b_test.py", True), ("tests.py", False), ("test_a.txt", False)],
)
def test_files_in_which_pytest_looks_for_tests(path: str, expected: bool) -> None:
    assert looks_like_tests(path) is expected


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError, match=r".+"):
        write_derived(tmp_path / "directory", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]
