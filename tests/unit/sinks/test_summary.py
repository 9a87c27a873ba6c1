from __future__ import annotations

import pytest

from test_framework.core.run_state import RunState
from test_framework.core.verdict import Rules, judge
from test_framework.model import facts as f
from test_framework.model.outcome import ExitCode, Ledger, Outcome, Verdict
from test_framework.sinks.ink import Look, render
from test_framework.sinks.summary import ledger, summary, verdict_line

LOOK = Look(width=80)


def shown(story, look=LOOK, rules=None):
    verdict = judge(story.state, rules or Rules())
    categories = {each.fact.test: each.fact.category for each in story.told if type(each.fact) is f.TestOwed}
    return [render(line, colour=False) for line in summary(story.state, verdict, categories, look)]


def test_a_run_with_everything_in_it_ends_like_this(story):
    story.begin(tests=14, deselected=3)
    story.say(f.CollectionFailed(location="tests/test_x.py", message="ImportError: nope"))
    story.end("t.py::ok")
    story.end("t.py::skip", Outcome.SKIPPED, message="why")
    story.end("t.py::late", Outcome.TIMED_OUT, message="took longer than 5 s")
    story.end("t.py::bad", Outcome.FAILED, message="assert 3 == 4")
    story.end("t.py::setup", Outcome.ERROR, message="RuntimeError: no", phase="setup")
    story.end("t.py::c", Outcome.CRASHED, message="SIGSEGV")
    story.say(
        f.SubtestFinished(
            test="t.py::bad", attempt=1, description="i=1", outcome=Outcome.FAILED, message="1 != 2"
        )
    )
    story.end("t.py::flaky", Outcome.FAILED, message="no")
    story.end("t.py::flaky", attempt=2)
    story.end("t.py::xpass", Outcome.XPASSED)
    story.end("t.py::lost", Outcome.LOST)
    story.owe("t.py::lost", "the machine ran out of memory")
    for number in range(5):
        story.owe(f"t.py::owed_{number}", "stopped: 4 failures reached the limit", category="api")
    for number in range(2):
        story.say(
            f.WarningRecorded(
                category="DeprecationWarning",
                message="old() is deprecated",
                when="runtest",
                test=f"t.py::{number}",
                location="src/a.py:7",
            )
        )
    story.say(f.AlertRaised(kind="slow", message="layer used 92 % of its time", detail="first\nsecond"))
    story.say(f.SinkFailed(sink="junit", message="report.xml: Permission denied"))
    story.say(f.PluginReported(text="TOTAL 10 1 90%\n"))
    story.say(f.LayerFinished(layer="fast_feedback", status="stopped", reason="4 failures", seconds=61.0))
    story.now = 62.0
    story.say(f.AlertRaised(kind="none", message="two"))
    assert shown(story) == [
        "TOTAL 10 1 90%",
        "============================== warnings summary ===============================",
        "t.py::0",
        "t.py::1",
        "  src/a.py:7: DeprecationWarning: old() is deprecated",
        "",
        "=========================== short test summary info ===========================",
        "ERROR tests/test_x.py - ImportError: nope",
        "SUBFAILED[i=1] t.py::bad - 1 != 2",
        "FAILED t.py::bad - assert 3 == 4",
        "ERROR t.py::setup - RuntimeError: no",
        "TIMED OUT t.py::late - took longer than 5 s",
        "CRASHED t.py::c - SIGSEGV",
        "LOST t.py::lost - the machine ran out of memory",
        "FLAKY t.py::flaky - passed on attempt 2",
        "XPASS t.py::xpass",
        "alert: layer used 92 % of its time",
        "  first",
        "  second",
        "alert: two",
        "warning: output 'junit' was given up: report.xml: Permission denied",
        "=================================== 6 owed ====================================",
        "1 the machine ran out of memory (category unit)",
        "    t.py::lost",
        "5 stopped: 4 failures reached the limit (category api)",
        "    t.py::owed_0",
        "    t.py::owed_1",
        "    t.py::owed_2",
        "    t.py::owed_3",
        "    t.py::owed_4",
        "=================================== layers ====================================",
        "fast_feedback  stopped    8/14, 4 failed, 6 owed in 1 min 1 s - 4 failures",
        "executed 8 + proven 0 + owed 6 = collected 14",
        (
            "apex: 2 passed, 1 failed, 1 error, 1 timed out, 1 crashed, 1 skipped, 1 xpassed, "
            "1 collection error, 1 flaky, 6 owed (1 lost), 3 deselected, 2 warnings in 1 min 2 s - "
            "FAILED (exit 1): 4 failed; 1 lost to the environment"
        ),
    ]


def test_owed_tests_are_named_up_to_ten_and_all_of_them_when_verbose(story):
    story.begin(tests=25)
    for number in range(25):
        story.owe(f"t.py::{number}", "no time left")
    assert "    and 15 more (--verbose names all)" in shown(story)
    everything = shown(story, Look(width=80, verbose=True))
    assert [line for line in everything if line.startswith("    t.py::")] == [
        f"    t.py::{number}" for number in range(25)
    ]


def test_what_is_owed_for_one_reason_is_one_group_with_its_categories(story):
    story.begin(tests=3)
    for test, category in (("a", "e2e"), ("b", "cypress"), ("c", "e2e")):
        story.owe(test, "not chosen by mode nightly", category=category)
    assert "3 not chosen by mode nightly (categories e2e, cypress)" in shown(story)


def test_every_failure_is_named_however_many_there_are(story):
    story.begin(tests=2000)
    for number in range(2000):
        story.end(f"t.py::{number}", Outcome.FAILED, message="no")
    assert sum(line.startswith("FAILED t.py::") for line in shown(story)) == 2000


def test_a_terminal_cuts_messages_of_the_short_list_and_a_log_does_not(story):
    story.begin(tests=1)
    story.end("t.py::a", Outcome.FAILED, message="x" * 200)
    assert f"FAILED t.py::a - {'x' * 200}" in shown(story)
    cut = next(line for line in shown(story, Look(width=80, cut=True)) if line.startswith("FAILED"))
    assert len(cut) == 79
    assert cut.endswith("\u2026")


def test_many_tests_with_one_warning_are_counted_by_file(story):
    story.begin(tests=1)
    for number in range(30):
        story.say(
            f.WarningRecorded(
                category="W", message="m", when="runtest", test=f"t.py::{number}", location="a.py:1"
            )
        )
    assert "t.py: 30 warnings" in shown(story)


def test_only_some_kinds_of_warnings_are_shown_unless_verbose(story):
    story.begin(tests=1)
    for number in range(14):
        story.say(f.WarningRecorded(category="W", message=f"m{number}", when="collect"))
    assert "and 4 more kinds of warnings (--verbose shows all)" in shown(story)
    assert "  W: m13" in shown(story, Look(width=80, verbose=True))


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_has_words(code):
    line = render(verdict_line(RunState(), Verdict(exit_code=code)), colour=False)
    assert f"(exit {int(code)})" in line
    assert line.startswith("apex: no tests ran in 0.00 s - ")


def test_a_module_that_skips_itself_is_no_error(story):
    story.begin(tests=0)
    story.say(f.CollectionFailed(location="tests/test_x.py", message="no database", outcome="skipped"))
    text = "\n".join(shown(story))
    assert "apex: 1 file skipped in" in text
    assert "ERROR" not in text


def test_a_ledger_that_does_not_add_up_is_shown_as_such():
    verdict = Verdict(exit_code=ExitCode.INTERNAL_ERROR, ledger=Ledger(5, 1, 1, 1))
    assert ledger(verdict) == "executed 1 + proven 1 + owed 1 != collected 5"
