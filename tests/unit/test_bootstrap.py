"""The set-up of a bare clone, with real files, a real pip and a lock of one tiny wheel: no network is needed.

Rules: every case is a process of its own under a path with a space. The interpreter under test is
kept from ensurepip where it has a pip: that builds in one second instead of five (CI builds in full).
"""

from __future__ import annotations

import ast
import fcntl
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from test_framework import bootstrap

pytestmark = pytest.mark.integration  # real environments are made: too slow for the fast layer

REPOSITORY = Path(__file__).resolve().parents[2]
ENTRIES = ("unified_test_runner.py", "scripts/unified_test_runner.py")
ANNOUNCEMENT = "apex: setting up"
WAITING = "apex: another start is setting up; waiting for it\n"

COMMAND = """
def entry():
    import json, sys
    import apex_probe
    print(json.dumps({"prefix": sys.prefix, "arguments": sys.argv[1:], "probe": apex_probe.__file__}))
    sys.exit(0)
"""

REFUSING_FINDER = """

class Refuses:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in {names}:
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Refuses)
"""


@functools.cache
def python_with_pip() -> str | None:
    """This interpreter or its base, whichever has a pip that serves other environments.

    Asked by the first test that needs it: a process that is started while tests are collected makes all of them
    unprovable.
    """
    check = "import pip; raise SystemExit(tuple(map(int, pip.__version__.split('.')[:2])) < (22, 3))"
    for python in (sys.executable, getattr(sys, "_base_executable", sys.executable)):
        if subprocess.run([python, "-I", "-c", check], capture_output=True, check=False).returncode == 0:
            return str(python)
    return None


@dataclass(frozen=True)
class Clone:
    """A stand-in for a fresh checkout: real entry scripts and bootstrap, a command that says where it is."""

    root: Path
    home: Path
    begun: list[subprocess.Popen[str]]

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def begin(self, *arguments: str, entry: str = ENTRIES[0], **variables: str) -> subprocess.Popen[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "PIP_CONFIG_FILE": os.devnull}
        process = subprocess.Popen(
            [python_with_pip() or sys.executable, str(self.root / entry), *arguments],
            cwd=self.home,
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.begun.append(process)
        return process

    def start(
        self, *arguments: str, entry: str = ENTRIES[0], **variables: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.begin(*arguments, entry=entry, **variables)
        return ended(process)

    def amend(self, text: str) -> None:
        """Add `text` to the clone's bootstrap.py."""
        with (self.root / "test_framework" / "bootstrap.py").open("a") as stream:
            stream.write(text)


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    output, errors = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def first_words(process: subprocess.Popen[str]) -> str:
    """As much of its stderr as WAITING is long; an announcement is longer, so this never waits in vain."""
    assert process.stderr is not None
    return process.stderr.read(len(WAITING))


def prefix_of(run: subprocess.CompletedProcess[str]) -> Path:
    assert run.returncode == 0, run.stderr
    return Path(json.loads(run.stdout)["prefix"])


def write_lock(root: Path, *, digest: str | None = None) -> None:
    wheel = next((root / "wheels").iterdir())
    digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
    (root / "requirements.lock").write_text(
        f"--no-index\n--find-links wheels\napex-probe==1.0 \\\n    --hash=sha256:{digest}\n"
    )


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """A shell starts its background jobs with SIGINT ignored, and whatever those start inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    root = tmp_path / "a clone"
    (root / "scripts").mkdir(parents=True)
    for entry in ENTRIES:
        shutil.copy(REPOSITORY / entry, root / entry)
    package = root / "test_framework"
    (package / "cli").mkdir(parents=True)
    for name in ("__init__.py", "bootstrap.py"):
        shutil.copy(REPOSITORY / "test_framework" / name, package / name)
    (package / "cli" / "__init__.py").touch()
    (package / "cli" / "main.py").write_text(COMMAND)
    (root / "wheels").mkdir()
    with zipfile.ZipFile(root / "wheels" / "apex_probe-1.0-py3-none-any.whl", "w") as wheel:
        facts = "apex_probe-1.0.dist-info"
        wheel.writestr("apex_probe/__init__.py", "")
        wheel.writestr(f"{facts}/METADATA", "Metadata-Version: 2.1\nName: apex-probe\nVersion: 1.0\n")
        wheel.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{facts}/RECORD", "")
    write_lock(root)
    home = tmp_path / "home"
    home.mkdir()
    made = Clone(root, home, [])
    made.amend('\nNEEDED = ("apex_probe",)\n')
    if python_with_pip():
        made.amend(REFUSING_FINDER.format(names=("ensurepip",)))
    yield made
    for process in made.begun:
        with process:  # waits, and closes its pipes
            process.kill()


def foreign_venv(clone: Clone) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(clone.venv)], check=True)
    return next((clone.venv / "lib").glob("python3*")) / "site-packages"


def everything_in(directory: Path) -> dict[str, float]:
    return {str(path): path.lstat().st_mtime for path in sorted(directory.rglob("*"))}


def test_a_bare_clone_sets_itself_up_once_and_hands_on_the_arguments(clone: Clone) -> None:
    first = clone.start("--execution-mode", "fast feedback")
    assert prefix_of(first) == clone.venv
    assert json.loads(first.stdout)["arguments"] == ["--execution-mode", "fast feedback"]
    assert first.stderr.startswith("apex: setting up .venv from requirements.lock (1 packages) ... done in ")
    assert (clone.venv / bootstrap.STAMP).read_bytes() == (clone.root / "requirements.lock").read_bytes()

    before = everything_in(clone.venv)
    second = clone.start("again", entry="scripts/unified_test_runner.py")
    assert prefix_of(second) == clone.venv
    assert second.stderr == ""
    assert everything_in(clone.venv).keys() - before.keys() <= {
        name for name in everything_in(clone.venv) if "__pycache__" in name
    }


def test_two_starts_at_once_set_up_once(clone: Clone) -> None:
    (clone.root / ".apex").mkdir()
    with (clone.root / ".apex" / "setup.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        both = [clone.begin(), clone.begin()]
        for process in both:  # both have found nothing to use, and wait
            assert first_words(process) == WAITING
    runs = [ended(process) for process in both]
    assert [prefix_of(run) for run in runs] == [clone.venv, clone.venv]
    assert sorted(run.stderr.count(ANNOUNCEMENT) for run in runs) == [0, 1]


def test_a_refused_set_up_names_what_is_missing_and_touches_nothing(clone: Clone) -> None:
    before = everything_in(clone.root).keys()
    run = clone.start(APEX_NO_BOOTSTRAP="1", PYTHONDONTWRITEBYTECODE="1")
    assert run.returncode == 4
    assert "lacks apex_probe, and APEX_NO_BOOTSTRAP forbids a set-up" in run.stderr
    assert f"python -m pip install --require-hashes -r '{clone.root / 'requirements.lock'}'" in run.stderr
    assert everything_in(clone.root).keys() == before


def test_an_interpreter_that_suits_is_kept_even_where_set_up_is_refused(clone: Clone) -> None:
    (clone.root / "apex_probe").mkdir()
    (clone.root / "apex_probe" / "__init__.py").touch()
    run = clone.start(APEX_NO_BOOTSTRAP="1")
    assert prefix_of(run) != clone.venv
    assert run.stderr == ""


def test_a_foreign_environment_that_lacks_packages_is_left_alone(clone: Clone) -> None:
    foreign_venv(clone)
    before = everything_in(clone.venv)
    run = clone.start()
    assert prefix_of(run) == clone.root / ".apex" / "venv"
    assert "apex: .venv is not ours and lacks packages; it is left alone\n" in run.stderr
    assert everything_in(clone.venv) == before


def test_a_foreign_environment_that_suits_is_used(clone: Clone) -> None:
    packages = foreign_venv(clone)
    (packages / "apex_probe").mkdir()
    (packages / "apex_probe" / "__init__.py").touch()
    run = clone.start()
    assert prefix_of(run) == clone.venv
    assert run.stderr == ""


@pytest.mark.parametrize("stamp", [bootstrap.UNFINISHED, b"another lock\n"], ids=["unfinished", "outdated"])
def test_an_environment_of_ours_that_does_not_fit_is_made_afresh(clone: Clone, stamp: bytes) -> None:
    packages = foreign_venv(clone)
    (packages / "apex_probe").mkdir()  # half an installation: it has the name and nothing in it
    (clone.venv / bootstrap.STAMP).write_bytes(stamp)
    run = clone.start()
    assert prefix_of(run) == clone.venv
    assert json.loads(run.stdout)["probe"].endswith("apex_probe/__init__.py")
    assert run.stderr.count(ANNOUNCEMENT) == 1


def test_an_environment_that_lost_a_package_is_made_afresh_from_within(clone: Clone) -> None:
    prefix_of(clone.start())
    shutil.rmtree(next(clone.venv.rglob("apex_probe")))
    run = subprocess.run(
        [str(clone.venv / "bin" / "python"), str(clone.root / ENTRIES[0])],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(clone.home), "PIP_CONFIG_FILE": os.devnull},
        timeout=60,
        check=False,
    )
    assert prefix_of(run) == clone.venv
    assert run.stderr.count(ANNOUNCEMENT) == 1


@dataclass
class StuckInstallation:
    """A set-up whose pip waits in the middle: the wheel is a named pipe, and pip reads it until `release`."""

    process: subprocess.Popen[str]
    wheel: Path
    content: bytes
    pipe: int

    def release(self) -> None:
        """Put the wheel back; a pip that still reads the pipe comes to its end and finds it wrong."""
        self.wheel.unlink()
        self.wheel.write_bytes(self.content)
        os.close(self.pipe)


def begin_and_wait_for_pip(clone: Clone) -> StuckInstallation:
    wheel = next((clone.root / "wheels").iterdir())
    content = wheel.read_bytes()
    wheel.unlink()
    os.mkfifo(wheel)
    process = clone.begin()
    opened: list[int] = []
    opener = threading.Thread(target=lambda: opened.append(os.open(wheel, os.O_WRONLY)), daemon=True)
    opener.start()
    opener.join(60)  # ends as soon as pip opens the other end
    assert opened, "pip never read the wheel"
    return StuckInstallation(process, wheel, content, opened[0])


def test_a_killed_set_up_is_not_believed_and_its_pip_is_waited_for(clone: Clone) -> None:
    stuck = begin_and_wait_for_pip(clone)
    stuck.process.kill()
    assert stuck.process.wait(timeout=60) == -signal.SIGKILL
    assert (clone.venv / bootstrap.STAMP).read_bytes() == bootstrap.UNFINISHED

    following = clone.begin()
    assert first_words(following) == WAITING
    stuck.release()
    run = ended(following)
    assert prefix_of(run) == clone.venv
    assert run.stderr.startswith(ANNOUNCEMENT)


def test_an_interrupted_set_up_says_so_and_leaves_nothing_half_made(clone: Clone) -> None:
    stuck = begin_and_wait_for_pip(clone)
    stuck.process.send_signal(signal.SIGINT)
    run = ended(stuck.process)
    stuck.release()
    assert run.returncode == 2
    assert "apex: set-up interrupted" in run.stderr
    assert "Traceback" not in run.stderr
    assert not clone.venv.exists()
    with (clone.root / ".apex" / "setup.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # no child is left that holds it


def test_a_failing_pip_is_quoted_and_leaves_nothing_behind(clone: Clone) -> None:
    write_lock(clone.root, digest="0" * 64)
    run = clone.start()
    assert run.returncode == 4
    assert "apex: pip could not install the locked packages" in run.stderr
    assert "0" * 64 in run.stderr
    assert "Traceback" not in run.stderr
    assert not clone.venv.exists()


def test_a_lock_that_does_not_give_what_is_needed_is_not_believed(clone: Clone) -> None:
    clone.amend('\nNEEDED = ("apex_probe", "apex_absent")\n')
    run = clone.start()
    assert run.returncode == 4
    assert "requirements.lock does not suffice" in run.stderr
    assert "apex_absent" in run.stderr
    assert not clone.venv.exists()


def test_a_python_that_cannot_make_environments_is_told_what_to_install(clone: Clone) -> None:
    clone.amend(REFUSING_FINDER.format(names=("ensurepip", "pip")))
    run = clone.start()
    assert run.returncode == 4
    assert "cannot make environments: it has no ensurepip" in run.stderr
    assert "apt install python3-venv" in run.stderr
    assert not clone.venv.exists()


def test_a_place_that_cannot_be_written_is_named(clone: Clone) -> None:
    (clone.root / ".apex").write_text("a file where the directory would be")
    run = clone.start()
    assert run.returncode == 4
    assert f"apex: cannot write in {clone.root}: " in run.stderr
    assert "Traceback" not in run.stderr


def test_the_good_path_imports_nothing_but_itself() -> None:
    code = (
        "import __future__, os, sys; before = set(sys.modules)\n"
        "from test_framework import bootstrap\n"
        "assert bootstrap.missing(['pytest', 'no_such_module']) == ['no_such_module']\n"
        "print(sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(run.stdout) == ["test_framework", "test_framework.bootstrap"]


@pytest.mark.parametrize("entry", [*ENTRIES, "scripts/test.py"])
def test_an_interpreter_that_is_too_old_is_told_so(
    entry: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (REPOSITORY / entry).read_text()
    ast.parse(source, feature_version=(3, 7))
    names = {"__name__": "entry", "__file__": str(REPOSITORY / entry)}
    exec(compile(source, entry, "exec"), names)
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    assert names["main"]() == 4  # type: ignore[operator]
    assert "this is Python 3.8 on linux; Python 3.11 or newer on Linux is needed" in capsys.readouterr().err
