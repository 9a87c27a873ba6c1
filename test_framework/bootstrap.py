"""Starts the tool from a bare clone: sets up an environment where none suits, then goes on to the command.

Rules: standard library only; nothing is imported before it is needed, for every start pays for this file.
An interpreter that suits wins. A directory that is not ours is never changed. The stamp, a copy of the whole
lock file, is written last: an environment without it is unfinished. One start sets up at a time (flock; the
children hold it too, so that a killed start's pip is waited for). Everything is said on stderr.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NoReturn

NEEDED = ("yaml", "pydantic", "pydantic_core", "pytest")
"""modules that the command imports (pydantic_core: only pydantic 2 has it)"""
LOCK = "requirements.lock"
DIRECTORIES = (".venv", os.path.join(".apex", "venv"))
STAMP = "apex-setup.txt"
STAMP_NEW = STAMP + ".new"
UNFINISHED = b"not finished\n"
REFUSAL = "APEX_NO_BOOTSTRAP"
INTERRUPTED = 2
USAGE = 4

_PROBE = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
_PIP_INSTALL = ("install", "--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar", "off")
_MISLEADING = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PYTHONHOME")
"""variables that would send packages elsewhere"""


class SetupError(Exception):
    """An environment cannot be set up: `what` is wrong, `hint` (lines) says what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def start(repository: str) -> int:
    """Run the command in an interpreter that has what it needs, and end this process; 4 where none can be had."""
    if missing(NEEDED):
        python = Setup(repository, DIRECTORIES, LOCK, NEEDED).interpreter()
        if isinstance(python, int):
            return python
        enter(python, sys.orig_argv[1:])
    from test_framework.cli.main import entry

    return entry()


def missing(names: Iterable[str]) -> list[str]:
    """Those of the top-level modules `names` that this interpreter cannot find; imports none of them."""
    return [name for name in names if name not in sys.modules and not _findable(name)]


def _findable(name: str) -> bool:
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    try:
        return any(find is not None and find(name, None) is not None for find in finders)
    except ImportError:  # a finder may refuse a name outright
        return False


def enter(python: str, arguments: Sequence[str]) -> NoReturn:
    """Let `python` take over this process, with `arguments` after its own name."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(python, [python, *arguments])


class Setup:
    """An environment of `repository` that has the modules `needed`, installed from its file `lock`.

    `directories` (relative to `repository`) are tried in order: a finished one of ours, or a foreign one that
    suits, is used as it is; else the first that is absent or ours is set up.
    """

    def __init__(self, repository: str, directories: Sequence[str], lock: str, needed: Sequence[str]) -> None:
        self.repository = repository
        self.places = [os.path.join(repository, directory) for directory in directories]
        self.lock = os.path.join(repository, lock)
        self.needed = needed
        self.wanted = b""
        """what the stamp of a finished environment holds: the lock file's bytes"""

    def interpreter(self) -> str | int:
        """The path of a Python to enter, set up if need be; or, said why on stderr, 4 (2 after Ctrl-C)."""
        try:
            return self._interpreter()
        except SetupError as error:
            _say(f"apex: {error.what}\n" + "".join(f"  {line}\n" for line in error.hint.splitlines()))
            return USAGE
        except KeyboardInterrupt:
            _say("apex: set-up interrupted; the next start begins it afresh\n")
            return INTERRUPTED

    def _interpreter(self) -> str:
        if os.environ.get(REFUSAL, "0") not in ("", "0"):
            lacking = ", ".join(missing(self.needed))
            raise SetupError(f"this Python lacks {lacking}, and {REFUSAL} forbids a set-up", self._by_hand())
        try:
            with open(self.lock, "rb") as stream:
                self.wanted = stream.read()
        except OSError as error:
            raise SetupError(f"cannot read {self.lock}: {error.strerror}", "use a whole checkout") from None
        return self._found() or self._locked_build()

    def _found(self) -> str | None:
        for place in self.places:
            if _runs_in(place) or not os.access(_python_of(place), os.X_OK):
                continue  # we run in it and it lacks something, or its base interpreter is gone
            stamp = _stamp_of(place)
            if stamp == self.wanted or (stamp is None and _suits(place, self.needed)):
                return _python_of(place)
        return None

    def _locked_build(self) -> str:
        import fcntl

        own = os.path.join(self.repository, ".apex")
        try:
            os.makedirs(own, exist_ok=True)
            held = os.open(os.path.join(own, "setup.lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise SetupError(
                f"cannot write in {self.repository}: {error.strerror}", self._by_hand()
            ) from None
        try:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say("apex: another start is setting up; waiting for it\n")
                fcntl.flock(held, fcntl.LOCK_EX)
            return self._found() or self._build(held)
        finally:
            os.close(held)

    def _build(self, held: int) -> str:
        import shutil
        import time

        place = next(filter(_is_ours, self.places), None)
        if place is None:
            raise SetupError(f"{' and '.join(self.places)} are not ours to change", self._by_hand())
        if _runs_in(place):  # it lacks something: begin afresh in the interpreter that it was made with
            _write_stamp(place, UNFINISHED)
            enter(getattr(sys, "_base_executable", sys.executable), sys.orig_argv[1:])
        if place != self.places[0]:
            _say(f"apex: {self._short(self.places[0])} is not ours and lacks packages; it is left alone\n")
        pins = [line for line in self.wanted.splitlines() if b"==" in line and b"'win32'" not in line]
        began = time.monotonic()
        _say(
            f"apex: setting up {self._short(place)} from {self._short(self.lock)} ({len(pins)} packages) ..."
        )
        try:
            os.makedirs(place, exist_ok=True)
            _write_stamp(place, UNFINISHED)
            _clear(place)
            self._install(place, held)
            _run([_python_of(place), "-I", "-c", _PROBE, *self.needed], held, f"{self.lock} does not suffice")
            _write_stamp(place, self.wanted)
        except BaseException as error:
            _say("\n")
            shutil.rmtree(place, ignore_errors=True)
            if isinstance(error, OSError):
                raise SetupError(f"cannot set up {place}: {error}", self._by_hand()) from None
            raise
        _say(f" done in {time.monotonic() - began:.0f} s\n")
        return _python_of(place)

    def _install(self, place: str, held: int) -> None:
        lacking = missing(["venv", "ensurepip"])
        if "venv" in lacking or (lacking and missing(["pip"])):
            hint = f"on Debian and Ubuntu: apt install python3-venv\n{self._by_hand()}"
            raise SetupError(
                f"{sys.executable} cannot make environments: it has no {' and no '.join(lacking)}", hint
            )
        make = [sys.executable, "-I", "-m", "venv", place]
        pip = [_python_of(place), "-I", "-m", "pip"]
        if lacking:  # Debian without python3-venv: the pip at hand serves the new environment
            make.insert(-1, "--without-pip")
            pip = [sys.executable, "-I", "-m", "pip", "--python", _python_of(place)]
        _run(make, held, "python -m venv failed")
        failure = "pip could not install the locked packages (can it reach a package index?)"
        _run([*pip, *_PIP_INSTALL, "--require-hashes", "-r", self.lock], held, failure)

    def _by_hand(self) -> str:
        import shlex

        command = shlex.join(["python", "-m", "pip", "install", "--require-hashes", "-r", self.lock])
        return f"in an environment of your own: {command}\nthen start the tool with that environment's Python"

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self.repository)


def _runs_in(place: str) -> bool:
    return os.path.realpath(sys.prefix) == os.path.realpath(place)


def _python_of(place: str) -> str:
    return os.path.join(place, "bin", "python")


def _stamp_of(place: str) -> bytes | None:
    try:
        with open(os.path.join(place, STAMP), "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _suits(place: str, needed: Sequence[str]) -> bool:
    """Whether a foreign environment has `needed`, by its directories alone: starting it would cost 20 ms."""
    library = os.path.join(place, "lib")
    for version in os.listdir(library) if os.path.isdir(library) else ():
        minor = version.removeprefix("python3.")
        packages = os.path.join(library, version, "site-packages")
        if minor.isdigit() and int(minor) >= 11:
            return all(os.path.isdir(os.path.join(packages, name)) for name in needed)
    return False


def _is_ours(place: str) -> bool:
    """Whether a set-up may fill `place`: absent, stamped, or as a start leaves it that is killed at once."""
    if os.path.islink(place) or (os.path.exists(place) and not os.path.isdir(place)):
        return False
    return not os.path.exists(place) or _stamp_of(place) is not None or set(os.listdir(place)) <= {STAMP_NEW}


def _clear(place: str) -> None:
    """Empty our directory but for its stamp; the directory itself stays, for it may be a mount point."""
    import shutil

    for entry in list(os.scandir(place)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != STAMP:
            os.unlink(entry.path)


def _write_stamp(place: str, content: bytes) -> None:
    new = os.path.join(place, STAMP_NEW)
    with open(new, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, os.path.join(place, STAMP))


def _run(command: list[str], held: int, failure: str) -> None:
    """Run one step to its end; SetupError(`failure`) with its last lines where it fails."""
    import contextlib
    import signal
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    with subprocess.Popen(
        command,
        env={**environment, "PIP_USER": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=(held,),
        start_new_session=True,
    ) as child:
        try:
            output, _ = child.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # venv's own children too: none may write on after us
            raise
    if child.returncode != 0:
        said = [
            line for line in output.strip().splitlines() if " Retrying (" not in line or "total=0," in line
        ]
        raise SetupError(failure, "\n".join(said[-8:]))


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
