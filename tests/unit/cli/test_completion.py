"""The shell is offered what the command accepts, in bash for real, in the other shells where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from test_framework.cli.arguments import FAIL_FAST_MODES
from test_framework.cli.completion import SHELLS, bash, complete, fish, offers, zsh
from test_framework.cli.later import FLAGS
from test_framework.model.errors import UserError


def asked_of_bash(tmp_path: Path, *words: str) -> set[str]:
    """What bash would offer for the last word."""
    script = tmp_path / "completion.bash"
    script.write_text(bash(offers()))
    ask = 'source "$1"; shift; COMP_WORDS=(apex "$@"); COMP_CWORD=$#; _apex; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-euc", ask, "bash", str(script), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def test_bash_completes_flags_their_values_and_commands(tmp_path: Path) -> None:
    assert asked_of_bash(tmp_path, "--list") == {"--list-categories"}
    assert asked_of_bash(tmp_path, "--fail-fast-mode", "") == set(FAIL_FAST_MODES)
    assert asked_of_bash(tmp_path, "--verbose", "--tb", "l") == {"long", "line"}
    assert asked_of_bash(tmp_path, "st") == {"status"}
    assert asked_of_bash(tmp_path, "completion", "") == set(SHELLS)
    assert asked_of_bash(tmp_path, "-k", "") == set()


def test_bash_completes_paths_where_paths_stand(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "test_a.py").touch()
    assert asked_of_bash(tmp_path, "--project-root", "te") == {"tests"}
    assert asked_of_bash(tmp_path, "-x", "--", "te") == {"tests", "test_a.py"}


def test_what_is_refused_is_not_offered(tmp_path: Path) -> None:
    offered = asked_of_bash(tmp_path, "--")
    assert not offered & set(FLAGS)
    assert "websocket" not in asked_of_bash(tmp_path, "--progress-mode", "")
    assert {"background", "hybrid"} <= asked_of_bash(tmp_path, "--execution-mode", "")


@pytest.mark.parametrize(("shell", "make"), [("zsh", zsh), ("fish", fish)])
def test_other_shells_are_told_of_each_flag(tmp_path: Path, shell: str, make: object) -> None:
    assert callable(make)
    text = str(make(offers()))
    for offer in offers():
        for flag in offer.flags:
            assert (
                flag if shell == "zsh" else f" -{'l' if flag[:2] == '--' else 's'} {flag.lstrip('-')}"
            ) in text
    if shutil.which(shell):
        script = tmp_path / "completion"
        script.write_text(text)
        subprocess.run([shell, "-n", str(script)], check=True)


def test_an_unknown_shell_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="bash, zsh, fish"):
        complete(["powershell"], "apex")
    with pytest.raises(UserError, match="bash, zsh, fish"):
        complete([], "apex")
