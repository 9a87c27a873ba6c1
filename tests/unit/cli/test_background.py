"""What the host of a background run is told of its starter's words."""

from __future__ import annotations

import pytest

from test_framework.cli.background import host_words


@pytest.mark.parametrize(
    ("argv", "kept"),
    [
        (["--background-e2e"], []),
        (["run", "--execution-mode", "background", "-n", "2"], ["-n", "2"]),
        (["--execution-mode=hybrid", "--env", "staging", "--project-root", "x"], ["--env", "staging"]),
        (["--background-e2e", "--background-timeout", "5", "--progress-mode=json", "-k", "a"], ["-k", "a"]),
        (["--background-e2e", "--", "--execution-mode", "run"], ["--", "--execution-mode", "run"]),
    ],
)
def test_its_own_words_stay_with_the_starter(argv: list[str], kept: list[str]) -> None:
    assert host_words(argv) == kept
