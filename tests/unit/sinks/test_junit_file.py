from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.sinks.junit import JunitFile
from test_framework.sinks.junit_elements import names


@pytest.fixture
def report(tmp_path):
    return tmp_path / "junit.xml"


@pytest.fixture
def run(story, report):
    story.sinks = [JunitFile(report)]
    return story


def suite(report):
    root = ET.parse(report).getroot()
    assert root.tag == "testsuites"
    (only,) = root
    return only


def case(report, name):
    (found,) = [each for each in suite(report).iter("testcase") if each.get("name") == name]
    return found


def counts_agree(report):
    found = suite(report)
    cases = list(found.iter("testcase"))
    assert int(found.get("tests")) == len(cases)
    assert int(found.get("failures")) == sum(each.find("failure") is not None for each in cases)
    assert int(found.get("errors")) == sum(each.find("error") is not None for each in cases)
    assert int(found.get("skipped")) == sum(each.find("skipped") is not None for each in cases)
    return True


def test_the_suite_is_called_and_counted_as_pytest_does(run, report):
    run.begin(tests=6)
    run.end("tests/test_a.py::test_ok")
    run.end("tests/test_a.py::test_bad", Outcome.FAILED)
    run.end("tests/test_a.py::test_setup", Outcome.ERROR, phase="setup")
    run.end("tests/test_a.py::test_dead", Outcome.CRASHED)
    run.end("tests/test_a.py::test_skip", Outcome.SKIPPED)
    run.owe("tests/test_a.py::test_owed", "no time left")
    run.say(f.CollectionFailed(location="tests/test_b.py", detail="ImportError"))
    run.now = 3.5
    run.finish("failed")
    found = suite(report)
    assert {name: found.get(name) for name in ("name", "tests", "failures", "errors", "skipped", "time")} == {
        "name": "pytest",
        "tests": "7",
        "failures": "1",
        "errors": "3",
        "skipped": "2",
        "time": "3.500",
    }
    assert found.get("timestamp") == "2026-01-02T03:04:05.678Z"
    assert found.get("hostname") == os.uname().nodename
    assert counts_agree(report)


def test_a_case_has_pytests_names_and_its_file_and_line(run, report):
    run.begin(tests=2)
    run.end("tests/sub/test_a.py::TestA::test_x[a::b/c.py]", location="tests/sub/test_a.py:12", seconds=1.25)
    run.end("tests/sub/test_a.py::test_y")
    run.finish()
    assert case(report, "test_x[a::b/c.py]").attrib == {
        "classname": "tests.sub.test_a.TestA",
        "name": "test_x[a::b/c.py]",
        "file": "tests/sub/test_a.py",
        "line": "12",
        "time": "1.250",
    }
    assert case(report, "test_y").get("file") == "tests/sub/test_a.py"
    assert case(report, "test_y").get("line") is None


@pytest.mark.parametrize(
    "test",
    ["tests/test_a.py::test_x", "a.py::A::B::test[x::y]", "README.md::README.md", "t/test_a.py::test_a[[]/]"],
)
def test_names_are_mangled_as_pytest_mangles_them(test):
    from _pytest.junitxml import mangle_test_address

    expected = mangle_test_address(test)
    assert names(test) == (".".join(expected[:-1]), expected[-1])


def test_failures_and_errors_carry_message_traceback_and_output(run, report):
    run.begin(tests=2)
    run.end(
        "t.py::bad",
        Outcome.FAILED,
        message="assert 3 == 4",
        detail="line one\nline <two>",
        sections=(
            ("Captured stdout call", "out\r\n"),
            ("Captured stderr call", "err"),
            ("Captured log call", "log"),
        ),
        properties=(("key", 'a "value" & more'),),
    )
    run.end("t.py::torn", Outcome.ERROR, message="no", detail="d", phase="teardown")
    run.finish("failed")
    bad = case(report, "bad")
    assert bad.find("failure").get("message") == "assert 3 == 4"
    assert bad.find("failure").text == "line one\nline <two>"
    assert "Captured stdout call" in bad.find("system-out").text
    assert "out\r\n" in bad.find("system-out").text
    assert "log" in bad.find("system-out").text
    assert "err" in bad.find("system-err").text
    assert bad.find("properties/property").attrib == {"name": "key", "value": 'a "value" & more'}
    assert bad[0].tag == "properties"
    assert case(report, "torn").find("error").get("message") == 'failed on teardown with "no"'


@pytest.mark.parametrize("outcome", [Outcome.CRASHED, Outcome.TIMED_OUT, Outcome.OOM])
def test_endings_that_pytest_does_not_know_are_errors_of_a_type(run, report, outcome):
    run.begin(tests=1)
    run.end("t.py::gone", outcome, message="SIGSEGV", detail="stack")
    run.finish("failed")
    error = case(report, "gone").find("error")
    assert (error.get("type"), error.get("message"), error.text) == (str(outcome), "SIGSEGV", "stack")


def test_skips_expected_failures_and_owed_tests_say_why(run, report):
    run.begin(tests=4)
    run.end("t.py::skip", Outcome.SKIPPED, message="Skipped: no database", location="t.py:4")
    run.end("t.py::xfail", Outcome.XFAILED, message="reason: bug 7")
    run.end("t.py::xpass", Outcome.XPASSED)
    run.owe("t.py::owed", "no time left")
    run.finish()
    skip = case(report, "skip").find("skipped")
    assert (skip.get("type"), skip.get("message"), skip.text) == (
        "pytest.skip",
        "no database",
        "t.py:4: no database",
    )
    xfail = case(report, "xfail").find("skipped")
    assert (xfail.get("type"), xfail.get("message")) == ("pytest.xfail", "bug 7")
    assert list(case(report, "xpass")) == []
    assert case(report, "owed").find("skipped").get("message") == "owed: no time left"


def test_a_module_that_skips_itself_is_a_skip_as_in_pytests_report(run, report):
    run.begin(tests=0)
    run.say(f.CollectionFailed(location="tests/test_b.py", message="no database", outcome="skipped"))
    run.finish()
    assert case(report, "tests.test_b").find("skipped").get("message") == "collection skipped"
    assert counts_agree(report)


def test_a_test_that_passed_at_last_is_flaky_in_surefires_words(run, report):
    run.begin(tests=1)
    run.end(
        "t.py::a", Outcome.FAILED, message="AssertionError: no", detail="trace", sections=(("stdout", "o"),)
    )
    run.end("t.py::a", Outcome.TIMED_OUT, attempt=2, message="too long")
    run.end("t.py::a", attempt=3, seconds=0.125)
    run.finish()
    found = case(report, "a")
    assert [each.tag for each in found] == ["flakyFailure", "flakyError"]
    assert found.get("time") == "0.125"
    assert found[0].get("type") == "AssertionError"
    assert found[0].find("stackTrace").text == "trace"
    assert "o" in found[0].find("system-out").text
    assert found[1].get("type") == "timed_out"
    assert counts_agree(report)


def test_a_test_that_failed_each_time_has_its_first_failure_and_the_reruns(run, report):
    run.begin(tests=1)
    for attempt in (1, 2, 3):
        run.end("t.py::a", Outcome.FAILED, attempt=attempt, message=f"no {attempt}")
    run.finish("failed")
    found = case(report, "a")
    assert [(each.tag, each.get("message")) for each in found] == [
        ("failure", "no 1"),
        ("rerunFailure", "no 2"),
        ("rerunFailure", "no 3"),
    ]
    assert counts_agree(report)


def test_a_good_attempt_that_is_followed_by_another_is_told_once(run, report):
    run.begin(tests=3)
    run.end("t.py::a")
    run.end("t.py::ab")
    run.end("t.py::b", Outcome.LOST)
    run.end("t.py::a", Outcome.FAILED, attempt=2)
    run.end("t.py::b", attempt=2)
    run.finish("failed")
    assert case(report, "a").find("failure") is not None
    assert list(case(report, "ab")) == list(case(report, "b")) == []
    assert counts_agree(report)


def test_a_proven_test_is_a_skipped_case_that_names_its_run(run, report):
    run.begin(tests=0)
    run.say(f.CacheHit(test="t.py::a", category="unit", layer="fast", proven_by="r1", outcome=Outcome.PASSED))
    run.finish()
    skipped = case(report, "a").find("skipped")
    assert (skipped.get("type"), skipped.get("message")) == ("apex.proven", "proven by run r1")
    assert counts_agree(report)


def test_a_failure_stays_one_when_the_attempt_after_it_says_nothing(run, report):
    run.begin(tests=1)
    run.end("t.py::a", Outcome.FAILED)
    run.end("t.py::a", Outcome.LOST, attempt=2)
    run.finish()
    assert case(report, "a").find("failure") is not None
    assert counts_agree(report)


def test_the_run_is_described_by_properties(run, report):
    run.begin(tests=0)
    run.finish()
    rows = {each.get("name"): each.get("value") for each in suite(report).find("properties")}
    assert rows == {
        "apex.run": "run-1",
        "apex.version": "0.1.0",
        "apex.mode": "fast_feedback",
        "apex.environment": "test",
        "apex.lanes": "2",
        "python.version": "3.13.0",
        "pytest.version": "9.2.0",
    }


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(), max_size=40))
def test_no_text_can_break_the_file(every_fact, new_story, text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "junit.xml"
        story = new_story(JunitFile(path))
        for fact in every_fact(text):
            story.say(fact)
        story.finish("failed", layer="one")
        assert counts_agree(path)


def test_illegal_characters_are_shown_as_pytest_shows_them(run, report):
    run.begin(tests=1)
    run.end("t.py::a", Outcome.FAILED, message="\x1b[31m\x00\ud800\ufffe", detail="\x07")
    run.finish("failed")
    failure = case(report, "a").find("failure")
    assert failure.get("message") == "#x1B[31m#x00#xD800#xFFFE"
    assert failure.text == "#x07"


def test_the_same_suite_reads_the_same_as_pytests_own_report(tmp_path, run, report):
    source = tmp_path / "test_own.py"
    source.write_text(
        "import pytest\n"
        "class TestA:\n"
        "    @pytest.mark.parametrize('x', ['a::b', '<&\"'])\n"
        "    def test_p(self, x): pass\n"
        "def test_f(): assert 3 == 4\n"
        "def test_s(): pytest.skip('why not')\n"
        "@pytest.mark.xfail(reason='known')\n"
        "def test_x(): assert 0\n"
        "@pytest.fixture\n"
        "def broken(): raise RuntimeError('no')\n"
        "def test_e(broken): pass\n"
    )
    own = tmp_path / "own.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={own}", source.name],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    run.begin(tests=6)
    run.end("test_own.py::TestA::test_p[a::b]")
    run.end('test_own.py::TestA::test_p[<&"]')
    run.end("test_own.py::test_f", Outcome.FAILED, message="assert 3 == 4")
    run.end("test_own.py::test_s", Outcome.SKIPPED, message="Skipped: why not")
    run.end("test_own.py::test_x", Outcome.XFAILED, message="known")
    run.end("test_own.py::test_e", Outcome.ERROR, message="RuntimeError: no", phase="setup")
    run.finish("failed")
    assert _essence(report) == _essence(own)


def _essence(path):
    found = suite(path)
    head = {name: found.get(name) for name in ("name", "errors", "failures", "skipped", "tests")}
    cases = {
        (each.get("classname"), each.get("name")): [
            (child.tag, child.get("type"), child.get("message")) for child in each
        ]
        for each in found.iter("testcase")
    }
    return head, cases


def test_many_tests_leave_memory_for_a_file_without_a_name(run, report, monkeypatch):
    monkeypatch.setattr("test_framework.sinks.junit._IN_MEMORY", 10_000)
    run.begin(tests=1000)
    for number in range(1000):
        run.end(f"tests/test_a.py::test_{number}")
    assert os.listdir(report.parent) == []
    run.finish()
    assert len(list(suite(report).iter("testcase"))) == 1000
    assert os.listdir(report.parent) == ["junit.xml"]


def test_a_path_that_cannot_be_written_is_known_at_the_start(story, tmp_path):
    story.sinks = [JunitFile(tmp_path)]
    with pytest.raises(IsADirectoryError):
        story.begin(tests=1)


def test_missing_folders_are_made(story, tmp_path):
    path = tmp_path / "a" / "b" / "junit.xml"
    story.sinks = [JunitFile(path)]
    story.begin(tests=0)
    story.finish()
    assert suite(path).get("tests") == "0"


def test_an_error_at_teardown_after_a_failure_is_a_second_case_as_in_pytest(run, report):
    run.begin(tests=1)
    run.end(
        "t.py::bad",
        Outcome.FAILED,
        message="assert False",
        detail="the call\n\nERROR at teardown:\nthe teardown",
        teardown="RuntimeError: broken",
        flags=("teardown_error",),
    )
    run.finish("failed")
    failed, torn = (each for each in suite(report).iter("testcase"))
    assert failed.attrib["name"] == torn.attrib["name"] == "bad"
    assert (failed.find("failure").text, failed.find("error")) == ("the call", None)
    assert (torn.find("error").get("message"), torn.find("error").text) == (
        'failed on teardown with "RuntimeError: broken"',
        "the teardown",
    )
    assert counts_agree(report)


def test_each_failing_subtest_is_a_case_of_its_own(run, report):
    run.begin(tests=2)
    for number, outcome in enumerate((Outcome.FAILED, Outcome.SKIPPED, Outcome.FAILED)):
        words = {"description": f"(number={number})", "message": f"no {number}", "detail": f"why {number}"}
        run.say(f.SubtestFinished(test="t.py::many", attempt=1, outcome=outcome, **words))
    run.end("t.py::many", Outcome.FAILED, message="contains 2 failed subtests")
    run.say(f.SubtestFinished(test="t.py::flaky", attempt=1, description="(x)", outcome=Outcome.FAILED))
    run.end("t.py::flaky", Outcome.FAILED)
    run.end("t.py::flaky", attempt=2)
    run.finish("failed")
    names_found = [each.get("name") for each in suite(report).iter("testcase")]
    assert names_found == ["many", "many (number=0)", "many (number=2)", "flaky"]
    assert case(report, "many (number=2)").find("failure").get("message") == "no 2"
    assert case(report, "many (number=2)").find("failure").text == "why 2"
    assert counts_agree(report)
