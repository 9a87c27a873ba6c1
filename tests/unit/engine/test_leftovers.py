"""What tests leave changed in their process, and when it is undone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from test_framework.engine.inside.leftovers import Leftovers, process_state, restore

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def same_process() -> Iterator[None]:
    before = process_state()
    yield
    restore(before)


def run(leftovers: Leftovers, test: str, body: Callable[[], object]) -> None:
    leftovers.about_to_run(test)
    leftovers.body_begins()
    body()
    leftovers.body_over()


def nothing() -> None:
    pass


def test_a_file_s_tests_find_what_the_ones_before_left_and_another_file_does_not(tmp_path: Path) -> None:
    home, leftovers = Path.cwd(), Leftovers()
    handler = signal.getsignal(signal.SIGUSR1)

    def changes() -> None:
        os.chdir(tmp_path)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        signal.setitimer(signal.ITIMER_REAL, 3600)

    run(leftovers, "a.py::one", changes)
    run(leftovers, "a.py::two", nothing)
    assert Path.cwd() == tmp_path
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    run(leftovers, "b.py::one", nothing)
    assert Path.cwd() == home
    assert signal.getsignal(signal.SIGUSR1) is handler
    assert signal.SIGUSR2 not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_fixtures_change_is_left_alone(tmp_path: Path) -> None:
    leftovers = Leftovers()
    run(leftovers, "a.py::one", lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN))
    os.chdir(tmp_path)  # a session fixture
    run(leftovers, "a.py::two", nothing)
    run(leftovers, "b.py::one", nothing)
    assert Path.cwd() == tmp_path
    assert signal.getsignal(signal.SIGUSR1) is not signal.SIG_IGN


def test_what_fixtures_undo_of_a_body_s_changes_is_not_done_again(tmp_path: Path) -> None:
    home, leftovers = Path.cwd(), Leftovers()
    run(leftovers, "a.py::one", lambda: os.chdir(tmp_path))
    os.chdir(home)  # monkeypatch
    run(leftovers, "a.py::two", nothing)
    os.chdir(tmp_path)  # another fixture
    leftovers.about_to_run("b.py::one")
    assert Path.cwd() == tmp_path


def test_a_directory_that_is_gone_is_left_for_the_one_before(tmp_path: Path) -> None:
    home, leftovers = Path.cwd(), Leftovers()
    gone = tmp_path / "gone"
    gone.mkdir()

    def loses_its_directory() -> None:
        os.chdir(gone)
        gone.rmdir()

    run(leftovers, "a.py::one", loses_its_directory)
    run(leftovers, "b.py::one", nothing)
    assert Path.cwd() == home
