from __future__ import annotations

from test_framework.core.run_state import Progress, RunState
from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.sinks.ink import Look, render, rule
from test_framework.sinks.painter import collected, header, region, seconds_left

WIDE = Look(width=100, height=24, unicode=False)


def shown(lines):
    return [render(line, colour=False) for line in lines]


def layer(state, name, elapsed, tests=100, **more):
    state.apply(f.LayerStarted(layer=name, tests=tests, **more), elapsed)


def done(state, name, tests, outcome=Outcome.PASSED):
    for number in range(tests):
        state.apply(
            f.TestFinished(
                test=f"{name}{outcome}{number}",
                attempt=1,
                outcome=outcome,
                category="unit",
                layer=name,
                worker="gw0",
                seconds=0.1,
            )
        )


def planned(*layers):
    state = RunState()
    state.apply(
        f.RunStarted(
            apex_version="1.2",
            project_root="/home/me/farm/",
            mode="nightly",
            environment="staging",
            interpreter="python",
            lanes=1,
            layers=layers,
            budget_seconds=90.0,
        )
    )
    state.apply(
        f.RunPlanned(
            collected=300,
            planned=290,
            deselected=7,
            collection_seconds=1.25,
            estimate_seconds=71.0,
            isolation="spawn",
            isolation_reason="threads after collection",
            python_version="3.12.1",
            notes=("layer e2e is not configured",),
        )
    )
    return state


def test_the_header_says_who_runs_what_and_how():
    state = planned("a")
    assert shown(header(state) + collected(state)) == [
        "apex 1.2: farm, nightly, environment staging, 1 lane, at most 1 min 30 s",
        "Python 3.12.1; collected 300 tests in 1.2 s, 7 deselected, 290 to run, estimate 1 min 11 s",
        "lanes: spawn, threads after collection",
        "note: layer e2e is not configured",
    ]


def test_time_passes_while_tests_are_collected():
    assert shown(region(RunState(), 3.2, WIDE)) == ["collecting tests, 3 s"]


def test_each_layer_has_a_line_from_the_start_to_the_end():
    state = planned("fast", "core_integration", "last")
    layer(state, "fast", 1.0)
    done(state, "fast", 98)
    done(state, "fast", 2, Outcome.FAILED)
    state.apply(f.LayerFinished(layer="fast", status="failed", seconds=12.0))
    layer(state, "core_integration", 13.0, tests=200, budget_seconds=600.0, estimate_seconds=40.0)
    done(state, "core_integration", 50)
    assert shown(region(state, 33.0, WIDE)) == [
        " fast              ##############################  100/100  12 s           2 failed  failed",
        " core_integration  #######.......................   50/200  20 s / 10 min  ~20 s left",
        " last              waiting",
    ]


def test_after_the_last_test_it_is_said_what_is_waited_for():
    state = planned("a")
    layer(state, "a", 0.0)
    assert len(region(state, 5.0, WIDE)) == 1
    state.apply(f.LayerFinished(layer="a", status="passed", seconds=5.0))
    assert shown(region(state, 7.0, WIDE))[1:] == [" waiting for the project's pytest session to end, 7 s"]


def test_a_narrow_terminal_loses_the_bar_and_never_wraps():
    state = planned("fast_feedback")
    layer(state, "fast_feedback", 1.0, budget_seconds=120.0)
    state.running["gw0"] = ("tests/" + "x" * 200, 1.0)
    for width in range(20, 120):
        for line in shown(region(state, 9.0, Look(width=width))):
            assert len(line) < width


def test_tests_that_take_long_are_named_longest_first_and_not_too_many():
    state = planned("a")
    layer(state, "a", 0.0)
    for number in range(7):
        state.running[f"gw{number}"] = (f"t.py::test_{number}", float(number))
    rows = shown(region(state, 6.5, WIDE))
    assert rows[1:] == [
        "   gw0     6 s  t.py::test_0",
        "   gw1     6 s  t.py::test_1",
        "   gw2     4 s  t.py::test_2",
        "   gw3     4 s  t.py::test_3",
        "   and 2 more that take long",
    ]


def test_a_low_terminal_keeps_the_layers_that_tell_most():
    state = planned(*(f"layer_{number}" for number in range(9)))
    for number in range(4):
        layer(state, f"layer_{number}", 0.0)
        status = "failed" if number == 0 else "passed"
        if number < 3:
            state.apply(f.LayerFinished(layer=f"layer_{number}", status=status))
    rows = shown(region(state, 0.5, Look(width=80, height=5)))
    assert [row.split()[0] for row in rows] == ["layer_0", "layer_1", "layer_3"]


def test_a_run_that_stops_says_why_and_what_a_second_interrupt_does():
    state = planned("a")
    state.apply(f.CancelRequested(reason="interrupt", message="interrupted by the user"))
    assert shown(region(state, 1.0, WIDE))[-1] == (
        " stopping: interrupted by the user (Ctrl-C again to stop at once)"
    )


def test_the_recorded_estimate_serves_while_it_holds_and_then_the_rate():
    progress = Progress("a", tests=100, done=20, status="running", started_at=10.0, estimate_seconds=8.0)
    assert seconds_left(progress, 15.0) == 3.0
    assert seconds_left(progress, 20.0) == 40.0


def test_nothing_is_guessed_from_next_to_nothing():
    progress = Progress("a", tests=100, done=1, status="running")
    assert seconds_left(progress, 10.0) is None
    assert seconds_left(Progress("a", tests=100, done=100), 10.0) is None


def test_a_rule_is_seen_however_long_its_title_is():
    assert render(rule("x" * 50, "_", Look(width=20)), colour=False) == f"__ {'x' * 50} __"
    assert len(render(rule("abc", "=", Look(width=20)), colour=False)) == 19
