"""Which arguments of pytest can change how a test ends."""

from __future__ import annotations

import pytest

from test_framework.core.pytest_options import narrow, that_matter


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


@pytest.mark.parametrize(
    "arguments",
    [(), ("-k", "a"), ("-m", "slow"), ("--deselect=a::b",), ("-q", "--tb=short", "-x"), ("tests",)],
)
def test_what_is_collected_and_then_left_out_narrows_nothing(arguments: tuple[str, ...]) -> None:
    assert not narrow(arguments)


@pytest.mark.parametrize(
    "arguments",
    [("--ignore=tests/a",), ("--ignore", "tests/a"), ("-c", "other.ini"), ("-o", "testpaths=a"), ("--lf",)],
)
def test_files_that_are_not_even_collected_narrow_a_run(arguments: tuple[str, ...]) -> None:
    assert narrow(arguments)
