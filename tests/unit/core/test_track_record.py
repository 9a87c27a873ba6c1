from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_framework.core.track_record import SAMPLES, Attempt, TrackRecord, track_record


def attempt(outcome: str, inputs: str = "t1", run: str = "", **more: object) -> Attempt:
    return Attempt(inputs, run or inputs, outcome, 1.0, **more)  # type: ignore[arg-type]


def test_without_attempts_nothing_is_known() -> None:
    assert track_record([]) == TrackRecord()
    assert TrackRecord().flaky_rate == 0.0


@pytest.mark.parametrize(
    ("attempts", "unexplained"),
    [
        ([attempt("failed"), attempt("passed")], 1),
        ([attempt("passed"), attempt("crashed"), attempt("failed")], 2),
        ([attempt("failed", "t1"), attempt("passed", "t2")], 0),
        ([attempt("failed"), attempt("skipped")], 0),
        ([attempt("error", blame="environment"), attempt("passed")], 0),
        ([attempt("failed"), attempt("passed", flags=("order_dependent",))], 0),
        ([attempt("lost"), attempt("passed")], 0),
        ([attempt("failed", run="r1"), attempt("passed", run="r2")], 1),
    ],
)
def test_a_failure_is_unexplained_when_the_test_passed_on_the_same_inputs(
    attempts: list[Attempt], unexplained: int
) -> None:
    assert track_record(attempts).unexplained == unexplained


def test_order_dependence_explains_only_its_own_run() -> None:
    found = track_record(
        [
            attempt("failed", run="r1"),
            attempt("passed", run="r1", flags=("order_dependent",)),
            attempt("failed", run="r2"),
            attempt("passed", run="r3"),
        ]
    )
    assert found.order_dependent
    assert found.unexplained == 1
    assert found.flaky_rate == 0.25


def test_outcomes_that_say_nothing_change_nothing_but_the_category() -> None:
    found = track_record([attempt("failed", began="b1"), attempt("not_run", category="api", began="b2")])
    assert (found.decided, found.last_outcome, found.last_bad, found.category) == (1, "failed", "b1", "api")


def test_attempts_without_a_duration_are_no_samples() -> None:
    assert track_record([attempt("passed", flags=("untimed",)), attempt("passed")]).recent == (1.0,)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9), st.sampled_from(["passed", "skipped", "xfailed"])), max_size=30))
def test_adding_quiet_attempts_one_by_one_is_the_same_as_reading_them_all(
    rows: list[tuple[float, str]],
) -> None:
    step = TrackRecord()
    for seconds, outcome in rows:
        step = step.after_quiet(seconds, outcome, "unit")
    whole = [Attempt(f"r{n}", f"r{n}", outcome, seconds, "unit") for n, (seconds, outcome) in enumerate(rows)]
    assert step == track_record(whole)
    assert len(step.recent) <= SAMPLES
