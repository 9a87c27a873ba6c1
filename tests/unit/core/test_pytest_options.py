"""Which arguments of pytest can change how a test ends."""

from __future__ import annotations

import pytest

from test_framework.core.pytest_options import that_matter


@pytest.mark.parametrize(
    ("arguments", "matter"),
    [
        ("tests -q -x", ""),
        ("-k name -m slow tests/test_a.py::test_b", ""),
        ("-kname --maxfail=2 --tb short --junitxml=a.xml", ""),
        ("-W error tests", "-W error"),
        ("-p no:randomly", "-p no:randomly"),
        ("--runslow tests -q", "--runslow tests"),
        ("--own=value tests", "--own=value"),
        ("-o addopts= -q", "-o addopts="),
        ("--strict-markers -k x", "--strict-markers"),
    ],
)
def test_choosing_and_showing_do_not_matter(arguments: str, matter: str) -> None:
    assert " ".join(that_matter(tuple(arguments.split()))) == matter


def test_what_matters_matters_again() -> None:
    once = that_matter(("--runslow", "tests", "-q", "-W", "error", "a.py"))
    assert that_matter(once) == once
