from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from test_framework.cli import history
from test_framework.cli.main import main
from test_framework.model.errors import UserError
from test_framework.model.outcome import Outcome
from tests.unit.records.written_runs import finished, run_id, write_run

TEST = "tests/test_a.py::test_one"
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "tests" / "test_a.py").touch()
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def recorded(project: Path) -> Path:
    write_run(project / ".apex", 1, [(TEST, 1, Outcome.FAILED, 1.0), (TEST, 2, Outcome.PASSED, 3.0)])
    write_run(
        project / ".apex",
        2,
        [(TEST, 1, Outcome.FAILED, 2.0), ("tests/test_a.py::test_\x1b[2J", 1, Outcome.LOST)],
    )
    return project


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert history.run([*arguments], "apex") == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


def told_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    return json.loads(told(capsys, *arguments, "--json", code=code))


def test_a_project_without_runs_is_told_so_and_gets_no_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["show"], ["test", TEST], ["stats"], ["rebuild"], ["prune"]):
        assert "no run of this project" in told(capsys, *arguments)
    assert told(capsys, "path") == f"{project}/.apex/history.sqlite3\n"
    assert not (project / ".apex").exists()


def test_show_names_runs_failures_and_flaky_tests(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys)
    assert (
        text.splitlines()[0]
        == f"{run_id(2)}  2026-01-01T00:00:02  exit 1  nightly  1 of 2 run, 1 owed, 3.0 s"
    )
    assert f"1 failed last:\n  {TEST} (failed)\n1 flaky:\n  {TEST}\n" in text
    body = told_json(capsys, "show", "-n", "1")
    assert [run["id"] for run in body["runs"]] == [run_id(2)]
    assert body["failed"] == {TEST: "failed"}
    assert body["flaky"] == [TEST]


def test_one_test_is_shown_with_its_attempts_newest_first(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = told(capsys, "test", TEST).splitlines()
    assert lines[0] == TEST
    assert re.fullmatch(r"category unit; 1\.\d+ s, spread 0\.\d+ s; last failed", lines[1])
    assert lines[2] == "flaky: failed 1 of 3 times although nothing had changed"
    assert [line.split()[1] for line in lines[3:]] == ["failed", "passed", "failed"]
    assert lines[3].endswith("AssertionError: assert <n> == <n>")
    body = told_json(capsys, "test", TEST)
    assert [each["attempt"] for each in body["attempts"]] == [1, 2, 1]
    assert body["samples"] == 3


def test_an_attempt_says_what_memory_it_took(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large, small = f"{TEST}_large", f"{TEST}_small"
    rows = [
        finished(large, 1, Outcome.PASSED, 1.0, peak_memory_bytes=300 << 20),
        finished(small, 1, Outcome.PASSED, 1.0),
    ]
    write_run(project / ".apex", 1, rows)
    assert " s 300 MiB  " in told(capsys, "test", large)
    assert "MiB" not in told(capsys, "test", small)
    assert told_json(capsys, "test", large)["attempts"][0]["peak_memory_bytes"] == 300 << 20


def test_an_unknown_test_is_an_error_that_names_those_like_it(recorded: Path) -> None:
    with pytest.raises(UserError) as caught:
        history.run(["test", "test_one"], "apex")
    assert TEST in caught.value.hint
    with pytest.raises(UserError, match="knows no test"):
        history.run(["test", "nothing like this"], "apex")


def test_what_is_shown_cannot_steer_the_terminal(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "test", "tests/test_a.py::test_\x1b[2J")
    assert "\x1b" not in text
    assert "\\x1b[2J" in text


def test_the_history_can_be_rebuilt_counted_and_pruned(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "rebuild") == "derived from 2 runs\nowed tests of 0 states of the project\n"
    assert "2 runs, 2 tests, 4 attempts, 1 failure signature, 1 flaky" in told(capsys, "stats")
    assert told_json(capsys, "stats")["runs"] == 2
    (recorded / "apex.yaml").write_text(
        "layers: {a: {categories: [{name: unit}]}}\nhistory: {keep_runs: 1}\n"
    )
    assert told(capsys, "prune").startswith("removed 1 run, ")
    assert [path.name for path in (recorded / ".apex" / "runs").iterdir()] == [run_id(2)]


def test_a_ledger_that_cannot_be_written_is_an_error_with_its_place(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "rebuild")
    place = recorded / ".apex" / "ledger.json"
    place.unlink()
    place.mkdir()
    (place / "in the way").touch()
    with pytest.raises(UserError, match=r"cannot be made anew: .*ledger\.json"):
        history.run(["rebuild"], "apex")


def test_results_of_another_runner_are_taken_in(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = '<testcase classname="{}" name="test_one" time="2.5"/>'
    (project / "r.xml").write_text(
        f"<testsuite>{case.format('tests.test_a')}{case.format('else.where')}</testsuite>"
    )
    text = told(capsys, "import", "r.xml")
    assert text == "r.xml: 1 test of junit\n  1 no test of this project:\n    else.where::test_one\n"
    assert told_json(capsys, "import", "r.xml")[0]["already"] is True
    assert "2.500 s" in told(capsys, "test", TEST)


def test_results_of_which_nothing_is_known_here_are_no_success(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "r.xml").write_text('<testsuite><testcase classname="a" name="b"/></testsuite>')
    assert "0 tests of junit" in told(capsys, "import", "r.xml", code=1)
    assert not (project / ".apex").exists()


@pytest.mark.parametrize("name", ["absent.xml", "tests", "tests/test_a.py"])
def test_a_file_that_cannot_be_taken_in_is_named(project: Path, name: str) -> None:
    with pytest.raises(UserError, match=name):
        history.run(["import", name], "apex")


def test_a_damaged_history_is_said_on_stderr(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys)
    (recorded / ".apex" / "history.sqlite3").write_bytes(b"no database")
    assert history.run(["show"], "apex") == 0
    out, err = capsys.readouterr()
    assert run_id(2) in out
    assert err.startswith("apex: warning: history.sqlite3 is damaged")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["show", "-n", "0"], ["show", "-n", "x"], ["test"], ["import"]]
)
def test_mistakes_are_usage_errors(project: Path, arguments: list[str]) -> None:
    with pytest.raises(UserError):
        history.run(arguments, "apex")


def test_the_command_knows_the_word(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "path"]) == 0
    assert main(["history", "test", "nothing"]) == 4
    assert "apex: error: the history knows no test" in capsys.readouterr().err


def test_asking_the_history_imports_nothing_heavy(recorded: Path) -> None:
    ask = "import sys; from test_framework.cli.main import main; main(['history']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=recorded,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = done.stdout.splitlines()[-1].split()
    assert [
        name for name in ("asyncio", "yaml", "pydantic", "test_framework.orchestration") if name in modules
    ] == []
