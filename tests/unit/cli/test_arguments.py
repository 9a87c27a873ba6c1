from __future__ import annotations

import pytest

from test_framework.cli import later
from test_framework.cli.arguments import FAIL_FAST_MODES, build_parser, parse, without_effect
from test_framework.cli.combinations import CONTRADICTIONS, given
from test_framework.model.errors import UserError
from test_framework.orchestration.detached import HOST_FLAG
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
        ("--env development", "env", "development"),
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
    for name in later.SWITCHES:
        assert f"--{name} is known but not built yet" in refusal(f"--{name}").what
    for name in later.VALUES:
        assert f"--{name} is known but not built yet" in refusal(f"--{name}", "1").what
    for name, choices in later.CHOICES.items():
        for choice in choices:
            assert f"--{name} is known but not built yet" in refusal(f"--{name}", choice).what
    for mode in later.MODES:
        assert f"--execution-mode {mode}" in refusal("--execution-mode", mode).what
    for word in later.COMMANDS:
        assert "not built yet" in refusal(word).what
    both = refusal("--resume", "x", "--no-warm").what
    assert both == "--no-warm, --resume are known but not built yet"


def test_a_flag_of_the_future_is_refused_beside_a_question_too() -> None:
    assert "--no-warm" in refusal("--list-categories", "--no-warm").what


def test_every_contradiction_is_refused_with_its_reason() -> None:
    values = {"--category": "unit", "--categories": "unit", "--layers": "a", "--execution-mode": "nightly",
              "--junitxml": "x", "--output": "x", "--ctrf": "x"}  # fmt: skip
    for one, other, why in CONTRADICTIONS:
        argv = []
        for flag in (one, other):
            argv += flag.split() if " " in flag or flag not in values else [flag, values[flag]]
        error = refusal(*argv)
        assert f"{one} and {other}" in error.what
        assert why in error.what


def test_the_table_of_contradictions_names_flags_and_values_that_exist() -> None:
    options, _ = parse([])
    known = {flag: action for action in build_parser()._actions for flag in action.option_strings}
    for flag in {side for pair in CONTRADICTIONS for side in pair[:2]}:
        assert given(options, flag) is False
        name, _, value = flag.partition(" ")
        assert not value or value in (known[name].choices or ())


@pytest.mark.parametrize("name", ["prod", "production"])
def test_nothing_runs_against_production_by_accident(name: str) -> None:
    assert "--allow-prod" in refusal("--env", name).hint
    assert "--allow-prod" in refusal("--env", name, "--dry-run").what
    assert parse(["--env", name, "--allow-prod"])[0].env == name
    assert parse(["--env", name, "--list-categories"])[0].list_categories


def test_master_orchestration_alone_means_the_fast_layer() -> None:
    assert parse(["--master-orchestration"])[0].execution_mode == "fast_feedback"
    assert parse(["--master-orchestration", "--category", "unit"])[0].execution_mode is None
    assert parse(["--master-orchestration", "--use-layers"])[0].execution_mode is None
    assert parse(["--master-orchestration", "--execution-mode", "nightly"])[0].execution_mode == "nightly"


def test_without_streaming_the_output_is_simple() -> None:
    assert parse(["--no-progress-streaming"])[0].progress_mode == "simple"
    assert parse(["--no-progress-streaming", "--progress-mode", "silent"])[0].progress_mode == "silent"


def test_what_has_no_effect_yet_is_said() -> None:
    assert without_effect(parse([])[0]) == []
    notes = without_effect(
        parse(["--max-workers", "2", "--enable-monitoring", "--websocket-thread-id", "t"])[0]
    )
    assert [note.split()[0] for note in notes] == [
        "--max-workers",
        "--enable-monitoring",
        "--websocket-thread-id",
    ]


def test_the_status_command_is_the_status_flag() -> None:
    assert parse(["status", "--env", "dev"])[0].orchestration_status


def test_each_mode_of_failing_fast_is_accepted() -> None:
    assert [parse(["--fail-fast-mode", mode])[0].fail_fast_mode for mode in FAIL_FAST_MODES] == [
        *FAIL_FAST_MODES
    ]


@pytest.mark.parametrize(
    "argv",
    [
        "-n 0",
        "-n 257",
        "-n -1",
        "-n ²",
        "--workers many",
        "--max-workers 0",
        "--max-parallel-layers 0",
        "--maxfail -1",
    ],
)
def test_what_is_no_number_of_something_is_refused(argv: str) -> None:
    assert argv.split(maxsplit=1)[0] in refusal(*argv.split()).what


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
            assert flag in text or flag == HOST_FLAG


def test_options_become_a_wish() -> None:
    options, _ = parse(["--category", "unit", "-x", "-n", "3", "--test-timeout", "9", "--lf"])
    wish = make_wish(RunOptions().told(options), explicit=False)
    assert (wish.categories, wish.max_failures, wish.lanes, wish.test_timeout) == (("unit",), 1, 3, 9.0)
    assert wish.last_failed
    assert wish.legacy
    assert make_wish(RunOptions().told(parse(["--pdb"])[0]), explicit=False).lanes == 1
