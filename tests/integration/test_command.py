"""The real command and everything a user can get wrong: one clear message, the right exit code, nothing left."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import Run
from tests.integration.started_command import Command, ledger_adds_up, write

PASSING = "def test_one():\n    pass\n\n\ndef test_two():\n    print('two speaks')\n"
FAILING = PASSING + "\n\ndef test_bad():\n    left = 1\n    assert left == 2\n"


@pytest.fixture
def command(tmp_path: Path, no_leftovers: list[Run]) -> Command:
    return Command(tmp_path, no_leftovers)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "project", test_a=PASSING)


def refused(run: Run, *words: str, code: int = 4) -> None:
    """The command ended with `code` and one message on stderr that has these words."""
    assert run.exit_code == code, run.explain()
    assert run.stderr.count("apex: error:") == 1, run.explain()
    assert "Traceback" not in run.stderr + run.stdout.decode(), run.explain()
    for word in words:
        assert word in run.stderr, run.explain()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--category", "untt"], ["unknown category 'untt'", "did you mean unit?"]),
        (["--categories", "unit", "apii"], ["unknown category 'apii'", "did you mean api?"]),
        (["--layers", "fast_fedback"], ["unknown layer", "did you mean fast_feedback?"]),
        (["--execution-mode", "nightli"], ["unknown execution mode", "did you mean nightly?"]),
        (["--categry", "unit"], ["unrecognized arguments: --categry", "did you mean --category?"]),
        (["test_a.py"], ["unrecognized arguments: test_a.py", "-- test_a.py"]),
        (["--env", "moon"], ["--env", "moon"]),
        (["--test-timeout", "soon"], ["'soon' is no duration"]),
        (["--run-timeout", "-1"], ["--run-timeout"]),
        (["--test-timeout", "nan"], ["is no duration"]),
        (["-n", "0"], ["takes a number from 1 to 256", "'0'"]),
        (["-n", "many"], ["takes a number from 1 to 256", "'many'"]),
        (["--maxfail", "few"], ["'few' is no count"]),
        (["--category", "unit", "--categories", "api"], ["say the same thing twice"]),
        (["--category", "unit", "--execution-mode", "nightly"], ["contradict", "one runs layers"]),
        (["--category", "unit", "--layers", "fast_feedback"], ["contradict"]),
        (["--layers", "fast_feedback", "--execution-mode", "nightly"], ["both choose the layers"]),
        (["-x", "--maxfail", "3"], ["-x means --maxfail 1"]),
        (["--pdb", "-n", "2"], ["one lane"]),
        (["--pdb", "--progress-mode", "json"], ["both need stdout"]),
        (["--resume", "x"], ["--resume is known but not built yet"]),
        (["--resume", "x", "--queue-e2e"], ["--queue-e2e, --resume are known but not built yet"]),
        (["--executor", "dask"], ["no executor is called dask", "known: pytest"]),
        (["--shard", "0/4"], ["--shard '0/4' is no part of a whole", "--shard 1/4"]),
        (["--verbose", "cache", "status"], ["a sub-command comes first: ", " cache ..."]),
        (["--time", "later"], ["'later' is no duration"]),
        (
            ["--attach", "20260101-000000-abcdef"],
            ["no run is called 20260101-000000-abcdef", "the newest: none"],
        ),
        (["--progress-mode", "websocket"], ["--progress-mode websocket"]),
        (["doctor"], ["`unified_test_runner.py doctor` is not built yet"]),
        (["--category", "; rm -rf ."], ["unknown category"]),
        (["--python", "no-such-python"], ["--python no-such-python", "no such interpreter"]),
        (["--python", "/no/such/python"], ["no such interpreter"]),
        (["--project-root", "/no/such/directory"], ["no such directory"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0][:1] == "-" else "",
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    command: Command, project: Path, argv: list[str], words: list[str]
) -> None:
    run = command.run(project, *argv)
    refused(run, *words)
    assert run.stdout == b""
    assert not (project / ".apex").exists()


def test_all_mistakes_of_a_configuration_are_named_at_once_with_their_places(
    command: Command, project: Path
) -> None:
    (project / "apex.yaml").write_text(
        "layers:\n  fast:\n    max_duration_minutes: -3\n    max_duration_minuts: 2\n    categories:\n"
        "      - name: unit\n        timeout_seconds: true\n"
    )
    run = command.run(project)
    refused(
        run,
        "apex.yaml:3:",
        "apex.yaml:4:",
        "did you mean 'max_duration_minutes'",
        "apex.yaml:7:",
        "3 mistakes",
    )
    assert run.stdout == b""


def test_yaml_that_is_none_is_refused_with_its_place(command: Command, project: Path) -> None:
    (project / "apex.yaml").write_text("layers: [\n")
    refused(command.run(project), "apex.yaml:2:1: not valid YAML")


def test_a_project_without_tests_ends_with_5(command: Command, tmp_path: Path) -> None:
    run = command.run(write(tmp_path / "empty", module="x = 1\n"))
    assert run.exit_code == 5, run.explain()
    assert b"no tests were collected" in run.stdout


def test_a_layer_without_tests_is_named_and_ends_with_5(command: Command, project: Path) -> None:
    run = command.run(project, "--layers", "core_integration")
    assert run.exit_code == 5, run.explain()
    assert b"no test here belongs to layer core_integration" in run.stdout
    assert sorted(run.owed) == ["test_a.py::test_one", "test_a.py::test_two"]
    assert ledger_adds_up(run)


def test_a_category_without_tests_is_named_and_ends_with_5(command: Command, project: Path) -> None:
    run = command.run(project, "--category", "smoke")
    assert run.exit_code == 5, run.explain()
    assert b"no test here belongs to category smoke" in run.stdout


def test_an_interpreter_without_pytest_is_named(command: Command, project: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    bare = str(tmp_path / "bare" / "bin" / "python")
    for more in ([], ["--", "--markers"]):
        refused(
            command.run(project, "--python", bare, *more),
            bare,
            "No module named 'pytest'",
            "pip install pytest",
        )


def test_a_broken_conftest_is_shown_with_its_reason(command: Command, project: Path) -> None:
    write(project, conftest="import no_such_module\n")
    refused(command.run(project), "no_such_module", "conftest.py:1")


@pytest.mark.parametrize("arguments", [[], ["--", "--help"]], ids=["run", "help"])
def test_a_program_that_is_no_python_is_named(command: Command, project: Path, arguments: list[str]) -> None:
    refused(
        command.run(project, "--python", "/bin/true", *arguments), "/bin/true", "is it a Python interpreter?"
    )


def test_a_text_file_as_interpreter_is_named(command: Command, project: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("just words\n")
    refused(command.run(project, "--python", str(text)), "no such interpreter")
    text.chmod(0o755)
    refused(command.run(project, "--python", str(text)), str(text), "is it a Python interpreter?")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_file.py"], "file or directory not found: no_such_file.py"),
        (["test_a.py::test_nine"], "test_nine"),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
)
def test_what_pytest_itself_refuses_is_passed_on(
    command: Command, project: Path, arguments: list[str], message: str
) -> None:
    refused(command.run(project, "--", *arguments), message)


@pytest.mark.parametrize("option", ["--version", "--help", "--markers", "--fixtures", "--collect-only"])
def test_what_pytest_only_prints_is_printed_with_its_exit_code(
    command: Command, project: Path, option: str
) -> None:
    plain = subprocess.run(
        [sys.executable, "-m", "pytest", option], cwd=project, capture_output=True, check=False, timeout=60
    )
    run = command.run(project, "--python", sys.executable, "--", option)
    assert run.exit_code == plain.returncode == 0, run.explain()
    assert without_times(run.stdout)[:20] == without_times(plain.stdout)[:20]
    assert not (project / ".apex").exists()


def test_a_project_whose_own_options_only_collect_is_refused_and_its_plan_can_be_seen(
    command: Command, project: Path
) -> None:
    (project / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
    refused(command.run(project, "--", "."), "options ask for --collect-only")
    plan = command.run(project, "--dry-run", "--", ".")
    assert plan.exit_code == 0, plan.explain()
    assert b"test_a.py" in command.run(project, "--dry-run", "--verbose", "--", ".").stdout


def without_times(text: bytes) -> list[str]:
    return [re.sub(r"[=]* in [0-9.]+s [=]*", "", line).strip("= ") for line in text.decode().splitlines()]


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && shift && exec "$@"'


def test_a_read_only_project_runs_and_says_where_it_is_recorded(command: Command, project: Path) -> None:
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("not exercised here: no mount namespace can be made for a read-only project")
    launcher = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(project)]
    started = command.start(project, "--", ".", launcher=launcher)
    run = started.finish()
    assert run.exit_code == 0, run.explain()
    assert b"Read-only file system" in run.stdout
    assert b"recorded in" in run.stdout
    assert list((started.temporary / "home").rglob("facts.jsonl"))
    assert not (project / ".apex").exists()


def test_a_missing_home_does_not_matter(command: Command, project: Path) -> None:
    assert command.run(project, without=["HOME", "XDG_STATE_HOME"]).exit_code == 0


@pytest.mark.parametrize("name", ["with space", "späß-ü", "-dash", "a'\"$(b)"])
def test_a_project_may_have_any_name(command: Command, tmp_path: Path, name: str) -> None:
    project = write(tmp_path / name, test_a=PASSING)
    run = command.run(project, "--", ".")
    assert run.exit_code == 0, run.explain()
    assert len(run.outcomes) == 2


@pytest.mark.parametrize("mode", ["simple", "console", "rich", "json", "silent"])
def test_a_closed_stdout_ends_the_output_and_not_the_run(command: Command, project: Path, mode: str) -> None:
    launcher = ["sh", "-c", 'exec "$@" >&-', "sh"]
    run = command.run(project, "--progress-mode", mode, "--", ".", launcher=launcher)
    assert run.exit_code == 0, run.explain()
    assert run.stderr == ""
    assert ledger_adds_up(run)


def test_all_standard_streams_may_be_closed(command: Command, project: Path) -> None:
    write(project, test_a=FAILING)
    run = command.run(project, launcher=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"])
    assert run.exit_code == 1
    assert ledger_adds_up(run)


@pytest.mark.parametrize("mode", ["simple", "json"])
def test_a_reader_that_goes_away_does_not_change_the_verdict(
    command: Command, project: Path, mode: str
) -> None:
    write(project, test_a=FAILING)
    launcher = ["bash", "-c", '"$@" | head -c 1 >&2; exit ${PIPESTATUS[0]}', "bash"]
    run = command.run(project, "--progress-mode", mode, launcher=launcher)
    assert run.exit_code == 1, run.explain()
    assert len(run.stderr) == 1, run.stderr
    assert ledger_adds_up(run)


@pytest.mark.parametrize("option", ["--help", "--list-categories", "--dry-run"])
def test_a_reader_that_goes_away_from_a_listing_is_no_error(
    command: Command, project: Path, option: str
) -> None:
    launcher = ["bash", "-c", '"$@" | head -c 1; exit ${PIPESTATUS[0]}', "bash"]
    run = command.run(project, option, launcher=launcher)
    assert (run.exit_code, run.stderr) == (0, ""), run.explain()


def test_a_poor_terminal_and_an_ascii_locale_get_plain_text(command: Command, tmp_path: Path) -> None:
    project = write(tmp_path / "späß", test_a=FAILING + "\n\ndef test_ü():\n    assert 'ü' == 'ä'\n")
    environment = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "TERM": "dumb", "NO_COLOR": "1"}
    run = command.run(project, "--progress-mode", "rich", environment=environment)
    assert run.exit_code == 1, run.explain()
    assert run.stderr == ""
    assert b"\x1b" not in run.stdout
    assert len(run.outcomes) == 4


def test_a_run_leaves_its_record_to_its_owner_alone(command: Command, project: Path) -> None:
    assert command.run(project).exit_code == 0
    directories = [path for path in (project / ".apex").rglob("*") if path.is_dir()]
    files = [
        path
        for name in ("facts.jsonl", "lock", "history.sqlite3")
        for path in project.rglob(f".apex/**/{name}")
    ]
    assert len(directories) == 2
    assert len(files) == 3
    assert [str(path) for path in [*directories, *files] if path.stat().st_mode & 0o077] == []


def test_a_symlink_in_place_of_the_record_is_not_followed(
    command: Command, project: Path, tmp_path: Path
) -> None:
    (project / ".apex").symlink_to(tmp_path / "elsewhere")
    run = command.run(project)
    assert run.exit_code == 0, run.explain()
    assert b"cannot write to" in run.stdout
    assert not (tmp_path / "elsewhere").exists()
