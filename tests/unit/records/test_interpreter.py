"""The identity of an environment: the same for equal ones wherever they lie, another for every difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from test_framework.records.changes import Digests
from test_framework.records.interpreter import identify

RECORD = "demo/__init__.py,sha256=abc,3\n../../../bin/demo,sha256={place},9\ndemo-1.0.dist-info/RECORD,,\n"


def environment(place: Path, version: str = "1.0", record: str = RECORD) -> str:
    """A virtual environment with one package; its interpreter's path."""
    site = place / "lib" / "python3.12" / "site-packages"
    information = site / f"demo-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "RECORD").write_text(record.format(place=place.name))
    (site / "__editable__.own.pth").write_text(f"{place.parent}/src\n")
    (place / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.1\n")
    (place / "bin").mkdir()
    (place / "bin" / "python").write_bytes(b"\x7fELF interpreter")
    return str(place / "bin" / "python")


def identity(root: Path, executable: str, **environ: str) -> dict[str, str] | None:
    return identify(executable, environ, Digests(root))


def test_equal_environments_of_two_checkouts_have_one_identity(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    found = [identity(root, environment(root / ".venv")) for root in (first, second)]
    assert found[0] is not None
    assert found[0] == found[1]
    assert "package demo-1.0" in found[0]


@pytest.mark.parametrize("what", ["version", "content", "interpreter", "python", "site file", "package"])
def test_every_difference_is_another_identity(tmp_path: Path, what: str) -> None:
    executable = environment(tmp_path / ".venv")
    before = identity(tmp_path, executable)
    site = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages"
    match what:
        case "version":
            (site / "demo-1.0.dist-info").rename(site / "demo-1.1.dist-info")
        case "content":
            (site / "demo-1.0.dist-info" / "RECORD").write_text(RECORD.replace("abc", "abd"))
        case "interpreter":
            Path(executable).write_bytes(b"\x7fELF another")
        case "python":
            (tmp_path / ".venv" / "pyvenv.cfg").write_text("version = 3.12.2\n")
        case "site file":
            (site / "sitecustomize.py").write_text("import this\n")
        case "package":
            (site / "other-2.dist-info").mkdir()
    assert identity(tmp_path, executable) != before


def test_variables_that_python_reads_by_itself_are_a_part(tmp_path: Path) -> None:
    executable = environment(tmp_path / ".venv")
    plain = identity(tmp_path, executable, HOME="x", PYTEST_CURRENT_TEST="a", PYTEST_XDIST_WORKER="gw0")
    assert plain == identity(tmp_path, executable)
    for name in ("PYTHONPATH", "PYTHONOPTIMIZE", "PYTEST_ADDOPTS", "LC_ALL", "TZ"):
        assert identity(tmp_path, executable, **{name: "x"}) != plain


def test_an_interpreter_without_packages_has_no_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_bytes(b"x")
    assert identity(tmp_path, str(tmp_path / "bin" / "python")) is None
    assert identity(tmp_path, str(tmp_path / "bin" / "missing")) is None
