"""The real command's options: which tests run, what is shown and written, and which limits hold."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.conftest import Run
from tests.integration.started_command import Command, ledger_adds_up, write

MIXED = """
import pytest

def test_one():
    print("one speaks")

@pytest.mark.smoke
def test_two():
    pass

def test_bad():
    left = 41
    assert left == 42
"""
CONFIG = "[pytest]\nmarkers =\n    smoke: quick\n    database: db\n    api: api\n"
SLEEPS = """
import time

def test_quick():
    pass

def test_sleeps():
    time.sleep(60)

def test_later():
    pass
"""
SLEEP_ON = """
import time, pytest

def test_quick():
    pass

@pytest.mark.parametrize("i", range(8))
def test_sleeps(i):
    time.sleep(60)
"""
LAST = "test_a.py::test_sleeps[7]"
LAYERS = """
layers:
  first: {categories: [{name: unit, timeout_seconds: 60}], max_duration_minutes: 1%s}
  second: {categories: [{name: database, timeout_seconds: 60}], max_duration_minutes: 1, dependencies: [first]}
  third: {categories: [{name: api, timeout_seconds: 60}], max_duration_minutes: 1, dependencies: [second]}
modes:
  nightly: [first, second, third]
"""
THREE = """
import pytest

def test_unit():
    pass

@pytest.mark.database
def test_database():
    pass

@pytest.mark.api
def test_api():
    pass
"""


@pytest.fixture
def command(tmp_path: Path, no_leftovers: list[Run]) -> Command:
    return Command(tmp_path, no_leftovers)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = write(tmp_path / "project", test_a=MIXED)
    (directory / "pytest.ini").write_text(CONFIG)
    return directory


def test_s_shows_what_tests_print_and_its_absence_does_not(command: Command, project: Path) -> None:
    assert b"one speaks" in command.run(project, "-s").stdout
    assert b"one speaks" not in command.run(project).stdout


@pytest.mark.parametrize(
    ("style", "shown", "hidden"),
    [
        ("long", b"left = 41", b"~"),
        ("short", b"assert left == 42", b"def test_bad"),
        ("no", b"FAILED", b"left = 41"),
    ],
)
def test_tb_chooses_the_style_of_tracebacks(
    command: Command, project: Path, style: str, shown: bytes, hidden: bytes
) -> None:
    run = command.run(project, f"--tb={style}")
    assert run.exit_code == 1
    assert shown in run.stdout
    assert hidden not in run.stdout


def test_junitxml_writes_a_report_where_it_was_asked_for(command: Command, project: Path) -> None:
    run = command.run(project, "--junitxml", "reports/out.xml")
    assert run.exit_code == 1
    suite = ET.parse(project / "reports" / "out.xml").getroot()
    cases = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert set(cases) == {"test_one", "test_two", "test_bad"}
    assert cases["test_bad"] == ["failure"]


def test_a_report_that_cannot_be_written_is_a_warning_and_no_verdict(command: Command, project: Path) -> None:
    (project / "file").write_text("in the way")
    run = command.run(project, "-k", "one", "--junitxml", "file/out.xml")
    assert run.exit_code == 0, run.explain()
    assert "junit" in run.stderr + run.stdout.decode()


def test_lf_runs_what_failed_last_and_ff_runs_it_first(command: Command, project: Path) -> None:
    assert command.run(project).exit_code == 1
    last = command.run(project, "--lf", "-n", "1")
    facts = last_run_of(last)
    assert [fact["test"] for fact in facts if fact["type"] == "test.started"] == ["test_a.py::test_bad"]
    assert facts[-1]["collected"] == 1
    write(project, test_b="def test_b():\n    assert False\n\ndef test_c():\n    pass\n")
    assert command.run(project, "--fail-fast-mode", "disabled").exit_code == 1
    write(project, test_a=MIXED.replace("left == 42", "left == 41"))
    first = last_run_of(command.run(project, "--ff", "-n", "1", "--fail-fast-mode", "disabled"))
    begun = [fact["test"].split("::")[0] for fact in first if fact["type"] == "test.started"]
    assert sorted(begun) == ["test_a.py"] * 3 + ["test_b.py"] * 2
    third = last_run_of(command.run(project, "--ff", "-n", "1", "--fail-fast-mode", "disabled"))
    begun = [fact["test"].split("::")[0] for fact in third if fact["type"] == "test.started"]
    assert begun == ["test_b.py"] * 2 + ["test_a.py"] * 3


@pytest.mark.parametrize(
    ("options", "names", "deselected"),
    [(["-k", "one or two"], {"test_one", "test_two"}, 1), (["-m", "smoke"], {"test_two"}, 2)],
)
def test_k_and_m_deselect_and_say_how_many(
    command: Command, project: Path, options: list[str], names: set[str], deselected: int
) -> None:
    run = command.run(project, *options, "--", ".")
    assert run.exit_code == 0, run.explain()
    assert {test.split("::")[1] for test in run.outcomes} == names
    assert f"{deselected} deselected".encode() in run.stdout


@pytest.mark.parametrize("lanes", ["1", "2", "auto"])
def test_n_says_how_many_lanes_there_are(command: Command, tmp_path: Path, lanes: str) -> None:
    files = {f"test_{name}": "import time\n\ndef test_it():\n    time.sleep(0.1)\n" for name in "abcdef"}
    run = command.run(write(tmp_path / "project", **files), "-n", lanes)
    assert run.exit_code == 0, run.explain()
    workers = {fact["worker"] for fact in run.of("worker.started")}
    assert len(workers) == int(run.of("run.started")[0]["lanes"]) if lanes == "auto" else int(lanes)


def test_a_test_timeout_costs_the_test_and_not_the_next(command: Command, tmp_path: Path) -> None:
    project = write(tmp_path / "project", test_a=SLEEPS)
    run = command.run(project, "--test-timeout", "0.5", "--fail-fast-mode", "disabled")
    assert run.exit_code == 1, run.explain()
    assert [run.outcomes[f"test_a.py::{name}"] for name in ("test_quick", "test_sleeps", "test_later")] == [
        "passed",
        "timed_out",
        "passed",
    ]
    assert 0.5 <= run.tests["test_a.py::test_sleeps"]["seconds"] < 2.5


def test_a_run_timeout_ends_the_run_and_names_what_is_owed(command: Command, tmp_path: Path) -> None:
    run = command.run(
        write(tmp_path / "project", test_a=SLEEP_ON), "--run-timeout", "2", "-n", "1", "--", "."
    )
    assert run.exit_code not in (0, 3), run.explain()
    assert run.of("run.finished")[0]["seconds"] < 4.0
    assert LAST in run.owed
    assert ledger_adds_up(run)


def test_a_layer_s_deadline_holds_and_its_rest_is_owed_by_name(command: Command, tmp_path: Path) -> None:
    project = write(tmp_path / "project", test_a=SLEEP_ON)
    (project / "apex.yaml").write_text(
        "layers:\n  only: {categories: [{name: unit, timeout_seconds: 60}], max_duration_minutes: 0.02}\n"
    )
    run = command.run(project, "--layers", "only", "-n", "1", "--grace", "1")
    (begun,) = run.of("layer.started")
    (ended,) = run.of("layer.finished")
    assert ended["elapsed"] - begun["elapsed"] <= 1.2 + 2.0, run.explain()
    assert ended["reason"] == "budget: layer only is out of time"
    assert ended["status"] in ("failed", "timed_out")
    assert run.exit_code in (1, 10), run.explain()
    assert LAST in run.owed
    assert LAST.encode() in run.stdout
    assert ledger_adds_up(run)


def test_a_category_s_time_limit_holds(command: Command, tmp_path: Path) -> None:
    project = write(tmp_path / "project", test_a=SLEEP_ON)
    (project / "apex.yaml").write_text(
        "layers:\n  only: {categories: [{name: unit, timeout_seconds: 1}], max_duration_minutes: 5}\n"
    )
    run = command.run(project, "--layers", "only", "-n", "1", "--grace", "1")
    (ended,) = run.of("category.finished")
    assert ended["seconds"] <= 1.0 + 2.0
    assert run.exit_code in (1, 10), run.explain()
    assert LAST in run.owed
    assert ledger_adds_up(run)


def test_layers_of_a_mode_run_in_order(command: Command, tmp_path: Path) -> None:
    run = layered(command, tmp_path, THREE)
    assert run.exit_code == 0, run.explain()
    assert [fact["layer"] for fact in run.of("layer.finished")] == ["first", "second", "third"]
    begun = [fact["test"].split("::")[1] for fact in run.of("test.started")]
    assert begun == ["test_unit", "test_database", "test_api"]


def test_a_failing_layer_blocks_what_depends_on_it(command: Command, tmp_path: Path) -> None:
    broken = THREE.replace("def test_unit():\n    pass", "def test_unit():\n    assert False")
    run = layered(command, tmp_path, broken, ", success_criteria: {max_failures: 0, min_pass_rate: 1.0}")
    assert run.exit_code == 1, run.explain()
    assert {fact["layer"]: fact["status"] for fact in run.of("layer.finished")} == {
        "first": "failed",
        "second": "blocked",
        "third": "blocked",
    }
    assert set(run.owed) == {"test_a.py::test_database", "test_a.py::test_api"}
    assert ledger_adds_up(run)


def test_dry_run_prints_the_plan_and_leaves_nothing(command: Command, project: Path) -> None:
    run = command.run(project, "--dry-run")
    assert run.exit_code == 0, run.explain()
    assert b"unit: 3 tests" in run.stdout or b"unit: 2 tests" in run.stdout
    as_json = command.run(project, "--dry-run", "--progress-mode", "json")
    plan = json.loads(as_json.stdout)
    planned = [test for layer in plan["layers"] for each in layer["categories"] for test in each["tests"]]
    assert sorted(planned) == sorted(f"test_a.py::test_{name}" for name in ("one", "two", "bad"))
    assert not (project / ".apex").exists()


def test_json_is_strict_json_lines_and_nothing_else(command: Command, project: Path) -> None:
    run = command.run(project, "--progress-mode", "json", "-s", "--verbose")
    facts = [json.loads(line) for line in run.stdout.splitlines()]
    assert [fact["seq"] for fact in facts] == list(range(len(facts)))
    assert facts[-1]["type"] == "run.finished"
    assert facts == run.facts
    assert "one speaks" in run.stderr


def test_without_capture_a_line_is_seen_when_it_is_printed(command: Command, tmp_path: Path) -> None:
    text = """
import pathlib, time

def test_waits_until_it_is_read():
    print("read me now")
    while not pathlib.Path("read").exists():
        time.sleep(0.001)
"""
    project = write(tmp_path / "project", test_a=text)
    started = command.start(project, "-s", environment={"PYTHONUNBUFFERED": ""})
    out = started.temporary / "stdout"
    started.wait_until(lambda: b"read me now" in out.read_bytes(), "the line was shown")
    (project / "read").touch()
    run = started.finish()
    assert run.exit_code == 0, run.explain()


def test_a_process_that_prints_without_end_does_not_hold_up_the_run(command: Command, tmp_path: Path) -> None:
    text = "import subprocess\n\ndef test_leaves_it():\n    subprocess.Popen(['yes', 'without end'])\n"
    run = command.run(write(tmp_path / "project", test_a=text), "-s")
    assert run.exit_code == 0, run.explain()
    assert b"without end" in run.stdout
    assert b"test_leaves_it left a process behind, which was killed" in run.stdout


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_secret_that_is_written_in_parts_while_another_lane_prints_is_masked(
    command: Command, tmp_path: Path, isolation: str
) -> None:
    meeting = """
import os, pathlib, sys, time

def wait_for(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.001)
"""
    first = """
def test_first():
    secret = os.environ["DEPLOY_TOKEN"]
    os.write(STREAM, ("\\n" + secret[:7]).encode())
    pathlib.Path("begun").touch()
    wait_for("between")
    os.write(STREAM, (secret[7:] + "\\n").encode())
"""
    second = """
def test_second():
    wait_for("begun")
    os.write(1, b"the other lane\\n")
    sys.stderr.write("and its stderr\\n")
    pathlib.Path("between").touch()
"""
    for stream in (1, 2):
        project = write(
            tmp_path / f"project{stream}",
            test_a=meeting + first.replace("STREAM", str(stream)), test_b=meeting + second,
        )  # fmt: skip
        run = command.run(
            project,
            "-s",
            "-n",
            "2",
            "--isolation",
            isolation,
            environment={"DEPLOY_TOKEN": "hunter2-forever"},
        )
        assert run.exit_code == 0, run.explain()
        (log,) = project.rglob(".apex/runs/*/output.log")
        for text in (run.stdout, log.read_bytes()):
            assert b"\n[redacted DEPLOY_TOKEN]\n" in text
            assert b"the other lane\n" in text
            assert b"and its stderr\n" in text
            assert b"hunter2" not in text
            assert b"forever" not in text


def test_secrets_of_the_environment_are_in_no_output(command: Command, tmp_path: Path) -> None:
    secret = 'hunter2/"sekret"=+ä'
    text = f"""
import base64, os, sys, urllib.parse, warnings

def test_tells():
    secret = os.environ["DEPLOY_TOKEN"]
    print(secret, base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret, safe=""))
    sys.stdout.write(secret[:7]); sys.stdout.flush(); sys.stdout.write(secret[7:] + "\\n")
    print("postgres://someone:{"very" + "private"}@host/db")
    warnings.warn(secret)
    assert secret == "other"

def test_{"x"}():
    os.write(1, os.environ["DEPLOY_TOKEN"][:5].encode()); os.write(1, os.environ["DEPLOY_TOKEN"][5:].encode())
    raise RuntimeError(os.environ["DEPLOY_TOKEN"])
"""
    project = write(tmp_path / "project", test_a=text)
    options = ["--junitxml", "out.xml", "--fail-fast-mode", "disabled", "--verbose"]
    for more in ([], ["-s"], ["--progress-mode", "json"]):
        run = command.run(project, *options, *more, environment={"DEPLOY_TOKEN": secret})
        assert run.exit_code == 1, run.explain()
        places = [path for path in [*project.rglob(".apex/**/*"), project / "out.xml"] if path.is_file()]
        everything = {str(path): path.read_bytes() for path in places}
        everything |= {"stdout": run.stdout, "stderr": run.stderr.encode()}
        assert b"[redacted DEPLOY_TOKEN]" in everything[str(project / "out.xml")]
        forms = [
            secret,
            json.dumps(secret)[1:-1],
            quote(secret, safe=""),
            base64.b64encode(secret.encode()).decode(),
            "hunter2",
            "veryprivate",
        ]
        found = [
            (form, place) for form in forms for place, data in everything.items() if form.encode() in data
        ]
        assert found == []


def test_paths_are_relative_to_where_the_user_stands(command: Command, project: Path) -> None:
    write(project / "sub" / "deep", test_d="def test_d():\n    pass\n")
    for argument in ("test_d.py", "test_d.py::test_d", "."):
        options = ["--project-root", str(project), "--progress-mode", "json", "--", argument]
        run = command.run(project, *options, cwd=project / "sub" / "deep")
        assert run.exit_code == 0, run.explain()
        started = [json.loads(line)["test"] for line in run.stdout.splitlines() if b'"test.started"' in line]
        assert started == ["sub/deep/test_d.py::test_d"]


def test_paths_after_the_dashes_run_whatever_their_category(command: Command, project: Path) -> None:
    run = command.run(project, "--", "test_a.py::test_two")
    assert run.exit_code == 0, run.explain()
    assert list(run.outcomes) == ["test_a.py::test_two"]
    assert run.of("run.started")[0]["mode"] == "paths"


def test_options_for_pytest_alone_choose_no_tests(command: Command, project: Path) -> None:
    write(project / "api", test_e="def test_e():\n    pass\n")
    run = command.run(project, "--category", "unit", "--", "-p", "no:cacheprovider")
    assert run.of("run.started")[0]["mode"] == "legacy"
    assert re.search(r"not chosen", run.owed["api/test_e.py::test_e"])
    assert not (project / ".pytest_cache").exists()


def layered(command: Command, tmp_path: Path, text: str, more: str = "") -> Run:
    project = write(tmp_path / "project", test_a=text)
    (project / "apex.yaml").write_text(LAYERS % more)
    (project / "pytest.ini").write_text(CONFIG)
    return command.run(project, "--execution-mode", "nightly")


def last_run_of(run: Run) -> list[dict[str, object]]:
    """The facts of the newest run alone: the project has a directory for each."""
    newest = run.facts[-1]["run"]
    return [fact for fact in run.facts if fact["run"] == newest]
