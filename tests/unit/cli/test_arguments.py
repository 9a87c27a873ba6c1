from __future__ import annotations

import pytest

from test_framework.cli.arguments import (
    LATER_COMMANDS,
    LATER_MODES,
    LATER_SWITCHES,
    LATER_VALUES,
    NOT_YET,
    build_parser,
    parse,
)
from test_framework.model.errors import UserError
from test_framework.orchestration.options import RunOptions
from test_framework.orchestration.preparation import make_wish


def refusal(*argv: str) -> UserError:
    with pytest.raises(UserError) as caught:
        parse(argv)
    assert caught.value.exit_code == 4
    return caught.value


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        ("--category unit", "category", "unit"),
        ("--categories unit api", "categories", ["unit", "api"]),
        ("-k name", "keyword", "name"),
        ("-m smoke", "markers", "smoke"),
        ("--last-failed", "last_failed", True),
        ("--lf", "last_failed", True),
        ("--ff", "failed_first", True),
        ("--workers 3", "lanes", "3"),
        ("-n 3", "lanes", "3"),
        ("--numprocesses auto", "lanes", "auto"),
        ("-x", "exit_first", True),
        ("--maxfail 3", "maxfail", 3),
        ("--fast-fail", "fast_fail", True),
        ("--test-timeout 90", "test_timeout", 90.0),
        ("--test-timeout 1.5s", "test_timeout", 1.5),
        ("--run-timeout 2m", "run_timeout", 120.0),
        ("--run-timeout 1h", "run_timeout", 3600.0),
        ("--env production", "env", "production"),
        ("--layers a b", "layers", ["a", "b"]),
        ("--no-coverage", "no_coverage", True),
        ("run --verbose", "verbose", True),
        ("", "env", "test"),
        ("", "progress_mode", None),
    ],
)
def test_flags_are_read(argv: str, name: str, value: object) -> None:
    options, _ = parse(argv.split())
    assert getattr(options, name) == value


def test_everything_after_the_first_dashes_is_pytest_s() -> None:
    options, rest = parse(["-k", "x", "--", "tests", "-k", "y", "--", "z"])
    assert (options.keyword, rest) == ("x", ["tests", "-k", "y", "--", "z"])


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e9", "soon", "", "s", "1d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert "duration" in refusal(f"--test-timeout={text}").what


def test_every_flag_of_the_future_is_refused_by_its_own_name() -> None:
    for name in LATER_SWITCHES:
        assert f"--{name} is known but not built yet" in refusal(f"--{name}").what
    for name in LATER_VALUES:
        assert f"--{name} is known but not built yet" in refusal(f"--{name}", "1").what
    for mode in LATER_MODES:
        assert f"--execution-mode {mode}" in refusal("--execution-mode", mode).what
    for word in LATER_COMMANDS:
        assert "not built yet" in refusal(word).what


def test_the_table_of_future_flags_and_the_parser_agree() -> None:
    known = {action.dest: action.option_strings for action in build_parser()._actions}
    assert {name: flag in known[name] for name, flag in NOT_YET.items()} == dict.fromkeys(NOT_YET, True)
    assert set(NOT_YET) >= {name.replace("-", "_") for name in (*LATER_SWITCHES, *LATER_VALUES)}


def test_a_flag_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    error = refusal("--maxfial=3")
    assert "--maxfial=3" in error.what
    assert "did you mean --maxfail?" in error.hint


def test_a_path_without_the_dashes_is_answered_with_them() -> None:
    assert "apex -- tests/test_x.py" in refusal("tests/test_x.py").hint


def test_flags_are_never_abbreviated() -> None:
    assert "unrecognized" in refusal("--categ", "unit").what


def test_help_names_the_system_and_every_flag_that_works() -> None:
    text = build_parser().format_help()
    assert "Master Orchestration System" in text
    for action in build_parser()._actions:
        for flag in action.option_strings:
            assert flag in text


def test_options_become_a_wish() -> None:
    options, _ = parse(["--category", "unit", "-x", "-n", "3", "--test-timeout", "9", "--lf"])
    wish = make_wish(RunOptions().told(options), explicit=False)
    assert (wish.categories, wish.max_failures, wish.lanes, wish.test_timeout) == (("unit",), 1, 3, 9.0)
    assert wish.last_failed
    assert wish.legacy
    assert make_wish(RunOptions().told(parse(["--pdb"])[0]), explicit=False).lanes == 1
