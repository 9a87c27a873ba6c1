"""The keeper as a process, with tiny programs instead of interpreters."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from test_framework.engine import keeper_start

SECONDS = 20.0
SLEEPER = "import os,sys,time; sys.stdout.write(str(os.getpid())+'\\n'); sys.stdout.flush(); time.sleep(300)"
ORPHANER = (
    "import subprocess,sys,os; p=subprocess.Popen([sys.executable,'-c','import time; time.sleep(300)'],"
    "start_new_session={own},env={{**os.environ,'PYTEST_CURRENT_TEST':'t.py::x (call)'}});"
    "sys.stdout.write(str(p.pid)+'\\n'); sys.stdout.flush(); {end}"
)


class Kept:
    """A keeper whose first program is `code`; we are its host."""

    def __init__(self, code: str, directory: Path) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.settimeout(SECONDS)
        self.output, writing = os.pipe()
        null = os.open(os.devnull, os.O_RDONLY)
        spare, _keep = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        high = [os.dup(fd) for fd in (null, writing, writing, spare.fileno(), theirs.fileno())]
        places = [fd + 100 for fd in range(3, 8)]
        for fd, place in zip(high, places, strict=True):
            os.dup2(fd, place, inheritable=False)
        actions = [(os.POSIX_SPAWN_DUP2, place, place - 100) for place in places]
        argv = [sys.executable, "-I", "-S", str(keeper_start.__file__), "7", str(directory), "pipe",
                sys.executable, "-c", code]  # fmt: skip
        self.pid = os.posix_spawn(sys.executable, argv, dict(os.environ), file_actions=actions)
        for fd in (*high, *places, null, writing):
            os.close(fd)
        for each in (spare, _keep, theirs):
            each.close()
        self.ended = False

    def told(self, kind: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = json.loads(self.ours.recv(1 << 20))
            if message["type"] == kind:
                return message

    def ask(self, **message: Any) -> None:
        self.ours.send(json.dumps(message).encode())

    def line(self) -> str:
        text = b""
        while not text.endswith(b"\n"):
            assert select.select([self.output], [], [], SECONDS)[0], "the program said nothing"
            text += os.read(self.output, 1)
        return text.decode().strip()

    def wait_end(self) -> None:
        if not self.ended:
            self.ended = True
            self.ours.close()
            os.waitpid(self.pid, 0)
            os.close(self.output)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Any]:
    started: list[Kept] = []

    def start(code: str) -> Kept:
        started.append(Kept(code, tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.wait_end()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def wait_gone(pid: int) -> bool:
    deadline = time.monotonic() + SECONDS
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_the_first_program_is_told_with_its_pid_and_its_end(kept: Any) -> None:
    keeper = kept("import os,sys; sys.stdout.write(os.getcwd()+'\\n'); sys.exit(7)")
    pid = keeper.told("spawned")["pid"]
    exited = keeper.told("exited")
    assert (exited["id"], exited["pid"], os.waitstatus_to_exitcode(exited["status"])) == (0, pid, 7)


def test_when_the_host_goes_everything_goes(kept: Any) -> None:
    keeper = kept(ORPHANER.format(own=True, end="import time; time.sleep(300)"))
    first, grandchild = keeper.told("spawned")["pid"], int(keeper.line())
    assert is_alive(first)
    assert is_alive(grandchild)
    keeper.wait_end()
    assert wait_gone(first)
    assert wait_gone(grandchild)


def test_a_sweep_names_what_was_orphaned_and_the_test_it_came_from(kept: Any) -> None:
    keeper = kept(ORPHANER.format(own=True, end="pass"))
    orphan = int(keeper.line())
    keeper.told("exited")
    keeper.ask(op="sweep", id=5, everything=True)
    swept = keeper.told("swept")
    assert swept["id"] == 5
    (row,) = swept["killed"]
    assert (row["pid"], row["test"]) == (orphan, "t.py::x")
    assert row["argv"][-1] == "import time; time.sleep(300)"
    assert wait_gone(orphan)


def test_python_s_own_helper_of_a_process_that_is_gone_ends_by_itself_and_was_not_left_behind(
    kept: Any,
) -> None:
    keeper = kept(
        "import sys; from multiprocessing import resource_tracker as r; r.ensure_running()\n"
        "pid = r._resource_tracker._pid\n"
        "while b'import main' not in open(f'/proc/{pid}/cmdline', 'rb').read(): pass\n"  # it has begun to run
        "sys.stdout.write(f'{pid}\\n'); sys.stdout.flush()"
    )
    helper = int(keeper.line())
    keeper.told("exited")
    keeper.ask(op="sweep", id=3, everything=True)
    assert keeper.told("swept")["killed"] == []
    assert not is_alive(helper)


def test_a_helper_that_does_not_end_is_killed_and_named(kept: Any) -> None:
    keeper = kept(
        "import subprocess,sys; p=subprocess.Popen([sys.executable,'-c',"
        "'if 0: from multiprocessing.resource_tracker import main\\nimport time; time.sleep(300)']);"
        "sys.stdout.write(str(p.pid)+'\\n'); sys.stdout.flush()"
    )
    helper = int(keeper.line())
    keeper.told("exited")
    keeper.ask(op="sweep", id=4, everything=True)
    assert [row["pid"] for row in keeper.told("swept")["killed"]] == [helper]
    assert wait_gone(helper)


def test_a_sweep_of_one_session_leaves_the_others_alone(kept: Any) -> None:
    keeper = kept(ORPHANER.format(own=False, end="pass"))
    first, orphan = keeper.told("spawned")["pid"], int(keeper.line())
    keeper.told("exited")
    keeper.ask(op="sweep", id=1, session=first + 100_000)
    assert keeper.told("swept")["killed"] == []
    assert is_alive(orphan)
    keeper.ask(op="sweep", id=2, session=first)
    assert [row["pid"] for row in keeper.told("swept")["killed"]] == [orphan]


def test_a_spawned_program_gets_its_descriptors_directory_and_environment(kept: Any, tmp_path: Path) -> None:
    keeper = kept(SLEEPER)
    keeper.told("spawned")
    reading, writing = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    code = (
        "import os,sys; sys.stdout.write(os.environ['A']+' '+os.getcwd()+' '+str(os.getsid(0)==os.getpid()))"
    )
    request = {
        "op": "spawn",
        "id": 3,
        "argv": [sys.executable, "-c", code],
        "env": {"A": "ä"},
        "cwd": str(tmp_path),
    }
    socket.send_fds(keeper.ours, [json.dumps(request).encode()], [null, writing, null, null])
    os.close(writing)
    os.close(null)
    told = keeper.told("spawned")
    assert (told["id"], told["problem"]) == (3, "")
    assert keeper.told("exited")["id"] == 3
    assert os.read(reading, 1000).decode() == f"ä {tmp_path} True"
    os.close(reading)


def test_a_program_that_cannot_be_started_is_told_with_the_reason(kept: Any, tmp_path: Path) -> None:
    keeper = kept(SLEEPER)
    null = os.open(os.devnull, os.O_RDWR)
    request = {"op": "spawn", "id": 3, "argv": ["/no/such"], "env": {}, "cwd": str(tmp_path)}
    socket.send_fds(keeper.ours, [json.dumps(request).encode()], [null] * 4)
    os.close(null)
    keeper.told("spawned")
    assert "FileNotFoundError" in keeper.told("spawned")["problem"]
    assert os.waitstatus_to_exitcode(keeper.told("exited")["status"]) == 127


def test_the_keeper_does_not_listen_to_a_terminal_s_signals(kept: Any) -> None:
    keeper = kept(SLEEPER)
    first = keeper.told("spawned")["pid"]
    keeper.line()
    keeper.ask(op="sweep", id=1, session=1)
    keeper.told("swept")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(keeper.pid, number)
    keeper.ask(op="sweep", id=2, session=1)
    assert keeper.told("swept")["id"] == 2
    assert is_alive(first)


def test_it_needs_no_more_than_the_standard_library() -> None:
    source = Path(keeper_start.__file__).with_name("keeper.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(source)!r})"], check=False
    )
    assert done.returncode == 0
