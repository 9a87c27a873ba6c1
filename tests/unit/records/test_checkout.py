from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from test_framework.records.checkout import Checkout, read_checkout


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no slow git."""
    monkeypatch.setattr("test_framework.records.checkout.LIMIT_SECONDS", 60.0)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    (root / "a.py").write_text("a = 1\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    return root


def test_a_clean_checkout_is_named_by_its_tree(repository: Path) -> None:
    expected = Checkout(
        git(repository, "rev-parse", "HEAD"), git(repository, "rev-parse", "HEAD^{tree}"), dirty=False
    )
    assert read_checkout(repository) == expected
    git(repository, "commit", "--allow-empty", "-qm", "two")
    later = read_checkout(repository)
    assert later.tree == expected.tree
    assert later.revision != expected.revision


def test_equal_changes_have_equal_names_and_other_changes_others(repository: Path) -> None:
    names = [read_checkout(repository).tree]
    for text in ("a = 2\n", "a = 3\n"):
        (repository / "a.py").write_text(text)
        found = read_checkout(repository)
        assert found.dirty
        names.append(found.tree)
    (repository / "new.py").write_text("")
    names.append(read_checkout(repository).tree)
    os.utime(repository / "new.py", (1, 1))
    names.append(read_checkout(repository).tree)
    assert len(set(names)) == 5
    assert read_checkout(repository).tree == names[-1]
    (repository / "new.py").unlink()
    (repository / "a.py").write_text("a = 2\n")
    assert read_checkout(repository).tree == names[1]


def test_a_folder_of_the_repository_sees_the_whole_of_it(repository: Path) -> None:
    (repository / "folder").mkdir()
    (repository / "new.py").write_text("")
    assert read_checkout(repository / "folder") == read_checkout(repository)


def test_programs_of_the_repository_are_not_started(repository: Path) -> None:
    mark = repository.parent / "started"
    program = repository.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    git(repository, "config", "diff.external", str(program))
    (repository / "a.py").write_text("a = 2\n")
    assert read_checkout(repository).dirty
    assert not mark.exists()


def test_a_git_that_does_not_answer_is_not_waited_for(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository.parent / "bin"
    folder.mkdir()
    (folder / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr("test_framework.records.checkout.LIMIT_SECONDS", 0.05)
    assert read_checkout(repository) == Checkout()


def test_where_git_cannot_tell_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_checkout(tmp_path) == Checkout()
    git(tmp_path, "init", "-q")
    assert read_checkout(tmp_path) == Checkout()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_checkout(tmp_path) == Checkout()
