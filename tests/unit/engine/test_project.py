from __future__ import annotations

import sys
from pathlib import Path

import pytest

from test_framework.cli.pytest_itself import only_prints
from test_framework.engine.project import find_interpreter, find_root, pytest_arguments, usable_cpus
from test_framework.model.errors import UserError


def program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_the_root_is_what_was_asked_for_else_the_repository_else_here(tmp_path: Path) -> None:
    deep = tmp_path / "repo" / "a" / "b"
    deep.mkdir(parents=True)
    assert find_root(str(deep)) == deep
    assert find_root(None, deep) == deep
    (tmp_path / "repo" / ".git").write_text("gitdir: elsewhere")
    assert find_root(None, deep) == tmp_path / "repo"
    with pytest.raises(UserError, match="no such directory"):
        find_root(str(tmp_path / "nothing"))


def test_interpreters_are_found_in_the_documented_order(tmp_path: Path) -> None:
    assert find_interpreter(None, "", tmp_path, {}) == sys.executable
    virtual = program(tmp_path / "v" / "bin" / "python")
    environ = {"VIRTUAL_ENV": str(tmp_path / "v")}
    assert find_interpreter(None, "", tmp_path, environ) == str(virtual)
    own = program(tmp_path / ".venv" / "bin" / "python")
    assert find_interpreter(None, "", tmp_path, environ) == str(own)
    configured = program(tmp_path / "configured")
    assert find_interpreter(None, "./configured", tmp_path, environ) == str(configured)
    asked = program(tmp_path / "asked")
    assert find_interpreter(str(asked), "./configured", tmp_path, environ) == str(asked)


@pytest.mark.parametrize("mode", [0o644, None])
def test_an_interpreter_that_cannot_be_run_is_refused_by_the_flag_s_name(
    tmp_path: Path, mode: int | None
) -> None:
    path = program(tmp_path / "x", mode) if mode else tmp_path / "x"
    with pytest.raises(UserError, match=r"--python .*: there is no such interpreter"):
        find_interpreter(str(path), "", tmp_path, {})
    with pytest.raises(UserError, match=r"tests\.interpreter"):
        find_interpreter(None, str(path), tmp_path, {})


def test_paths_become_relative_to_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "test_a.py").touch()
    (tmp_path / "test_b.py").touch()
    monkeypatch.chdir(tmp_path / "sub")
    assert pytest_arguments(["test_a.py::test_x[a::b]"], tmp_path) == (["sub/test_a.py::test_x[a::b]"], True)
    assert pytest_arguments(["."], tmp_path) == (["sub"], True)
    assert pytest_arguments(["test_b.py"], tmp_path) == (["test_b.py"], True)
    assert pytest_arguments(["-p", "no:cacheprovider", "-q"], tmp_path) == (
        ["-p", "no:cacheprovider", "-q"],
        False,
    )
    assert pytest_arguments(["-k", "nothing_here"], tmp_path) == (["-k", "nothing_here"], False)


def test_requests_that_only_print_are_known() -> None:
    assert only_prints(["tests", "--collect-only"])
    assert only_prints(["--cache-show=lastfailed"])
    assert not only_prints(["tests", "-k", "version", "--verbose"])


def test_at_least_one_cpu_may_be_used() -> None:
    assert usable_cpus() >= 1
