"""The real command told to stop, and hit: what is finished is kept, the rest is owed, nothing stays."""

from __future__ import annotations

import json
import os
import pty
import signal
import time
from pathlib import Path

import pytest

from test_framework.records.history import recall
from tests.integration.conftest import Run, processes_of, wait_processes_gone
from tests.integration.started_command import Command, Started, kill, ledger_adds_up, write

CONFTEST = """
import os, pathlib, pytest

@pytest.fixture(scope="session", autouse=True)
def session_wide():
    yield
    pathlib.Path("torn_down").write_text("yes")
"""
SLOW = """
import pathlib, time

def test_quick():
    pass

def test_slow():
    pathlib.Path("slow_runs").write_text("yes")
    time.sleep(60)

def test_later():
    pass
"""
STUBBORN = """
import pathlib, signal, time

def test_quick():
    pass

def test_stubborn():
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    pathlib.Path("stubborn_runs").write_text("yes")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            time.sleep(1)
        except BaseException:
            continue
"""
COLLECTS_FOREVER = "import pathlib, time\npathlib.Path('collecting').write_text('yes')\ntime.sleep(60)\n"
JSON = ("--progress-mode", "json", "--fail-fast-mode", "disabled", "-n", "1")


@pytest.fixture
def command(tmp_path: Path, no_leftovers: list[Run]) -> Command:
    return Command(tmp_path, no_leftovers)


@pytest.fixture
def slow(command: Command, tmp_path: Path) -> Started:
    """A run in the middle of its second test."""
    project = write(tmp_path / "project", conftest=CONFTEST, test_a=SLOW)
    started = command.start(project, *JSON, "--grace", "1", "--", ".")
    started.wait_running("test_slow")
    started.wait_for_file(project / "slow_runs")
    return started


@pytest.fixture
def stubborn(command: Command, tmp_path: Path) -> Started:
    """A run in the middle of a test that no signal but SIGKILL can end."""
    project = write(tmp_path / "project", conftest=CONFTEST, test_a=STUBBORN)
    started = command.start(project, *JSON, "--grace", "20", "--", ".")
    started.wait_running("test_stubborn")
    started.wait_for_file(project / "stubborn_runs")
    return started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_stop_it_tears_fixtures_down_and_accounts_for_every_test(
    slow: Started, number: signal.Signals
) -> None:
    slow.process.send_signal(number)
    run = slow.finish(10.0)
    assert run.exit_code == 2, run.explain()
    assert run.outcomes == {"test_a.py::test_quick": "passed"}
    assert set(run.owed) == {"test_a.py::test_slow", "test_a.py::test_later"}
    assert ledger_adds_up(run)
    assert (run.project / "torn_down").read_text() == "yes"
    assert ("interrupted" if number is signal.SIGINT else number.name) in run.stderr


def test_a_second_interrupt_kills_what_does_not_listen(stubborn: Started) -> None:
    stubborn.process.send_signal(signal.SIGINT)
    stubborn.wait(lambda fact: fact.get("reason") == "interrupt", "the first interrupt was heard")
    stubborn.process.send_signal(signal.SIGINT)
    run = stubborn.finish(5.0)
    assert run.exit_code == 2, run.explain()
    assert [fact["reason"] for fact in run.of("cancel.requested")] == ["interrupt", "second_interrupt"]
    assert set(run.owed) == {"test_a.py::test_stubborn"}
    assert ledger_adds_up(run)


def test_a_third_interrupt_ends_the_command_at_once_and_nothing_stays(stubborn: Started) -> None:
    """The keeper is halted, so that the host, which waits for it to clean up, is still there at the third."""
    keeper = stubborn.pids("keeper_start.py")[0]
    os.kill(keeper, signal.SIGSTOP)
    stubborn.process.send_signal(signal.SIGINT)
    stubborn.wait(lambda fact: fact.get("reason") == "interrupt", "the first interrupt was heard")
    stubborn.process.send_signal(signal.SIGINT)
    stubborn.wait(lambda fact: fact.get("reason") == "second_interrupt", "the second interrupt was heard")
    stubborn.process.send_signal(signal.SIGINT)
    assert stubborn.process.wait(5.0) == 2
    os.kill(keeper, signal.SIGCONT)
    assert stubborn.finish().exit_code == 2


def test_an_interrupt_while_collecting_ends_the_run(command: Command, tmp_path: Path) -> None:
    project = write(tmp_path / "project", test_a=COLLECTS_FOREVER)
    started = command.start(project, *JSON)
    started.wait_for_file(project / "collecting")
    started.process.send_signal(signal.SIGINT)
    run = started.finish(10.0)
    assert run.exit_code == 2, run.explain()
    assert run.of("run.finished")
    assert "Traceback" not in run.stderr


def test_a_run_timeout_ends_a_collection_that_never_ends(command: Command, tmp_path: Path) -> None:
    project = write(tmp_path / "project", test_a=COLLECTS_FOREVER)
    run = command.start(project, *JSON, "--run-timeout", "1").finish(10.0)
    assert run.exit_code not in (0, 3), run.explain()
    assert any("budget" in fact.get("message", "") for fact in run.of("cancel.requested"))


def test_ctrl_c_typed_in_a_terminal_reaches_the_run_and_not_the_tests(
    command: Command, tmp_path: Path
) -> None:
    terminal_test = SLOW + (
        "\ndef test_has_no_terminal():\n"
        "    import os, pytest\n"
        "    with pytest.raises(OSError):\n"
        "        os.open('/dev/tty', os.O_RDWR)\n"
    )
    project = write(tmp_path / "project", conftest=CONFTEST, test_a=terminal_test)
    outer, inner = pty.openpty()
    started = command.start(
        project, "-n", "1", "--", "test_a.py::test_has_no_terminal", "test_a.py::test_slow", terminal=inner
    )
    os.close(inner)
    started.wait_running("test_slow")
    started.wait_for_file(project / "slow_runs")
    os.write(outer, b"\x03")
    shown = read_until_closed(outer)
    run = started.finish(10.0)
    assert run.exit_code == 2, shown
    assert run.outcomes == {"test_a.py::test_has_no_terminal": "passed"}
    assert (project / "torn_down").exists()
    assert "interrupt" in shown


def test_the_debugger_works_in_a_terminal(command: Command, tmp_path: Path) -> None:
    project = write(
        tmp_path / "project", test_a="def test_bad():\n    answer = 41\n    assert answer == 42\n"
    )
    outer, inner = pty.openpty()
    started = command.start(project, "--pdb", terminal=inner)
    os.close(inner)
    shown = read_until(outer, "(Pdb)")
    os.write(outer, b"p answer + 1000\n")
    shown += read_until(outer, "(Pdb)")
    os.write(outer, b"c\n")
    shown += read_until_closed(outer)
    run = started.finish(10.0)
    assert "1041" in shown
    assert run.exit_code == 1, shown
    assert run.outcomes == {"test_a.py::test_bad": "failed"}


def test_a_killed_host_leaves_no_process_and_every_finished_result(slow: Started) -> None:
    lane = slow.pid_of("gw0")
    kill(slow.process.pid)
    assert slow.process.wait(5.0) == -signal.SIGKILL
    assert wait_processes_gone(slow.mark, 1.0) == {}
    assert not Path(f"/proc/{lane}").exists()
    (path,) = slow.project.glob(".apex/runs/*/facts.jsonl")
    lines = path.read_bytes().split(b"\n")
    facts = [json.loads(line) for line in lines[:-1]]
    assert lines[-1] == b""
    assert [fact["seq"] for fact in facts] == list(range(len(facts)))
    finished = {fact["test"]: fact["outcome"] for fact in facts if fact["type"] == "test.finished"}
    assert finished == {"test_a.py::test_quick": "passed"}


def test_a_killed_lane_costs_exactly_the_test_that_ran_on_it(slow: Started) -> None:
    kill(slow.pid_of("gw0"))
    run = slow.finish()
    assert run.exit_code == 1, run.explain()
    assert run.outcomes == {
        "test_a.py::test_quick": "passed",
        "test_a.py::test_slow": "crashed",
        "test_a.py::test_later": "passed",
    }
    assert run.tests["test_a.py::test_slow"]["message"] == "killed by SIGKILL"
    assert ledger_adds_up(run)


@pytest.mark.parametrize("program", ["zygote.py", "keeper_start.py"])
@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_killed_helper_ends_the_run_soon_and_is_named(
    command: Command, tmp_path: Path, program: str, isolation: str
) -> None:
    project = write(tmp_path / "project", conftest=CONFTEST, test_a=SLOW)
    slow = command.start(project, *JSON, "--isolation", isolation, "--", ".")
    slow.wait_for_file(project / "slow_runs")
    lane = slow.pid_of("gw0")
    kill(next(pid for pid in slow.pids(program) if pid not in (lane, slow.process.pid)))
    began = time.monotonic()
    run = slow.finish(10.0)
    assert time.monotonic() - began < 5.0
    assert run.exit_code == 3, run.explain()
    reason = (
        "pytest session is gone: killed by SIGKILL" if program == "zygote.py" else "keeper process is gone"
    )
    reasons = run.of("run.finished")[0]["reasons"]
    assert [reason in each for each in reasons].count(True) == 1, "it is said, and once"
    assert run.outcomes["test_a.py::test_quick"] == "passed"
    assert set(run.owed) == {"test_a.py::test_slow", "test_a.py::test_later"}, (
        "nobody blames a test for our loss"
    )
    assert ledger_adds_up(run)
    assert [fact["message"] for fact in run.of("alert.raised") if fact["kind"] == "leak"] == []
    assert run.stderr == ""


def test_a_process_that_a_killed_host_s_test_had_started_goes_too(command: Command, tmp_path: Path) -> None:
    text = (
        "import pathlib, subprocess, time\n\ndef test_starts():\n"
        "    subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        "    pathlib.Path('started').write_text('yes')\n    time.sleep(60)\n"
    )
    project = write(tmp_path / "project", test_a=text)
    started = command.start(project, *JSON)
    started.wait_for_file(project / "started")
    assert any("sleep 300" in line for line in processes_of(started.mark).values())
    kill(started.process.pid)
    started.process.wait(5.0)
    assert wait_processes_gone(started.mark, 1.0) == {}


def test_two_runs_at_once_in_one_project_are_both_right(command: Command, tmp_path: Path) -> None:
    text = "import pytest\n\n@pytest.mark.parametrize('i', range(40))\ndef test_n(i, tmp_path):\n    assert i != 7\n"
    project = write(tmp_path / "project", test_a=text)
    both = [command.start(project, *JSON) for _ in range(2)]
    for started in both:
        assert started.process.wait(30.0) == 1, started.stderr()
    records = list(project.glob(".apex/runs/*/facts.jsonl"))
    assert len(records) == 2
    for record in records:
        facts = [json.loads(line) for line in record.read_bytes().splitlines()]
        assert facts[-1]["outcomes"] == {"passed": 39, "failed": 1}
    remembered, notes = recall(project / ".apex")
    assert remembered.failed == {"test_a.py::test_n[7]": "failed"}
    assert notes == []


def read_until(fd: int, words: str, seconds: float = 30.0) -> str:
    """What a terminal shows up to and with `words`."""
    shown, end = "", time.monotonic() + seconds
    while words not in shown:
        assert time.monotonic() < end, f"{words!r} never came: {shown}"
        shown += os.read(fd, 65536).decode(errors="replace")
    return shown


def read_until_closed(fd: int) -> str:
    shown = b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:  # EIO: the last process has closed the other end
            os.close(fd)
            return shown.decode(errors="replace")
        shown += data
