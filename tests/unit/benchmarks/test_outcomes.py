"""Plain pytest's reports and our facts come to the same words."""

from __future__ import annotations

import pytest

from benchmarks import outcomes

Phases = tuple[tuple[str, str], ...]


def reports(test: str, *phases: tuple[str, str]) -> list[dict[str, object]]:
    """Recorder lines of one test; an outcome that ends with "*" has `wasxfail`."""
    lines: list[dict[str, object]] = []
    for when, outcome in phases:
        line: dict[str, object] = {
            "test": test,
            "when": when,
            "outcome": outcome.rstrip("*"),
            "seconds": 0.25,
        }
        if outcome.endswith("*"):
            line["wasxfail"] = True
        lines.append(line)
    return lines


@pytest.mark.parametrize(
    ("phases", "word"),
    [
        ((("setup", "passed"), ("call", "passed"), ("teardown", "passed")), "passed"),
        ((("setup", "passed"), ("call", "failed"), ("teardown", "passed")), "failed"),
        ((("setup", "failed"), ("teardown", "passed")), "error"),
        ((("setup", "passed"), ("call", "passed"), ("teardown", "failed")), "error"),
        ((("setup", "passed"), ("call", "failed"), ("teardown", "failed")), "failed"),
        ((("setup", "skipped"), ("teardown", "passed")), "skipped"),
        ((("setup", "passed"), ("call", "skipped"), ("teardown", "passed")), "skipped"),
        ((("setup", "skipped*"), ("teardown", "passed")), "xfailed"),
        ((("setup", "passed"), ("call", "skipped*"), ("teardown", "passed")), "xfailed"),
        ((("setup", "passed"), ("call", "skipped*"), ("teardown", "failed")), "error"),
        ((("setup", "passed"), ("call", "passed*"), ("teardown", "passed")), "xpassed"),
    ],
)
def test_the_phases_of_a_test_fold_to_one_word(phases: Phases, word: str) -> None:
    assert outcomes.fold_reports(reports("t", *phases)) == {"t": (word,)}


def test_an_id_that_occurs_twice_keeps_both_outcomes() -> None:
    passed = reports("t", ("setup", "passed"), ("call", "passed"), ("teardown", "passed"))
    failed = reports("t", ("setup", "passed"), ("call", "failed"), ("teardown", "passed"))
    assert outcomes.fold_reports([*passed, *failed]) == {"t": ("failed", "passed")}


def test_of_our_attempts_the_last_one_counts() -> None:
    facts = [
        {"type": "test.finished", "test": "t", "attempt": 1, "outcome": "failed"},
        {"type": "test.finished", "test": "t", "attempt": 2, "outcome": "passed"},
    ]
    assert outcomes.fold_facts(facts) == {"t": ("passed",)}


def test_an_owed_test_is_named_as_owed_and_other_facts_are_no_outcomes() -> None:
    facts: list[dict[str, object]] = [
        {"type": "test.started", "test": "t"},
        {"type": "test.owed", "test": "t", "reason": "budget"},
        {"type": "run.finished", "exit_code": 0},
    ]
    assert outcomes.fold_facts(facts) == {"t": ("owed",)}


def test_differences_name_tests_that_are_missing_on_either_side() -> None:
    plain: outcomes.Results = {"a": ("passed",), "b": ("passed",), "c": ("skipped",)}
    ours: outcomes.Results = {"a": ("passed",), "c": ("failed",), "d": ("passed",)}
    found = [(each.test, each.plain, each.ours) for each in outcomes.differences(plain, ours)]
    assert found == [("b", "passed", "missing"), ("c", "skipped", "failed"), ("d", "missing", "passed")]


def test_equal_results_have_no_differences() -> None:
    assert outcomes.differences({"a": ("passed",)}, {"a": ("passed",)}) == []


def test_durations_add_up_the_phases_of_each_test() -> None:
    lines = [
        *reports("a", ("setup", "passed"), ("call", "passed"), ("teardown", "passed")),
        *reports("b", ("setup", "skipped")),
    ]
    assert outcomes.durations(lines) == outcomes.Durations(total=1.0, longest=0.75, tests=2)


def test_a_setup_that_passed_decides_nothing_yet() -> None:
    decided = [
        (line["when"], outcomes.decides(line))
        for line in reports("t", ("setup", "passed"), ("call", "passed"), ("teardown", "passed"))
    ]
    assert decided == [("setup", False), ("call", True), ("teardown", False)]
    assert outcomes.decides(reports("t", ("setup", "skipped"))[0])


def test_output_that_is_not_json_lines_is_an_error() -> None:
    assert outcomes.parse_lines(b'{"type":"a"}\n\n{"type":"b"}\n') == [{"type": "a"}, {"type": "b"}]
    with pytest.raises(ValueError, match="Expecting value"):
        outcomes.parse_lines(b"hello\n")
    with pytest.raises(ValueError, match="not a JSON object"):
        outcomes.parse_lines(b"[1]\n")
