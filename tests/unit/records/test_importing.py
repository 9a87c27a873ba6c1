from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_framework.records import foreign_results, importing
from test_framework.records.ctrf_reading import read_ctrf
from test_framework.records.foreign_results import Case, ForeignError, Names
from test_framework.records.history import History
from test_framework.records.importing import Imported, import_file
from test_framework.records.readings import last_runs, one_test
from tests.unit.records.crash_points import killed_at
from tests.unit.records.written_runs import content_of

A = "tests/unit/test_a.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in (A, "tests/test_b.py", "setup.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def take_in(project: Path, text: str | bytes, name: str = "results.xml") -> tuple[Imported, History]:
    file = project.parent / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    base = project / ".apex"
    found = import_file(base, project, file, lambda file, test: "unit")
    history = History(base)
    history.catch_up()
    assert history.notes == []
    return found, history


def junit(*cases: str) -> str:
    return f'<?xml version="1.0"?><testsuites><testsuite name="s">{"".join(cases)}</testsuite></testsuites>'


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "node_id"),
    [
        (Case("test_x", "tests.unit.test_a"), f"{A}::test_x"),
        (Case("test_x[a.b::c]", "tests.unit.test_a.TestY"), f"{A}::TestY::test_x[a.b::c]"),
        (Case("test_x", "tests.unit.test_a.TestY.TestZ", file=A), f"{A}::TestY::TestZ::test_x"),
        (Case("test_x", "unit.test_a.TestY", file=A), f"{A}::TestY::test_x"),
        (Case("test_x", "TestY", file=f"./{A}"), f"{A}::TestY::test_x"),
        (Case("test_x", "", file=A), f"{A}::test_x"),
        (Case(f"{A}::TestY::test_x"), f"{A}::TestY::test_x"),
        (Case("test_x", "tests.unit.test_gone"), None),
        (Case("test_x", "tests.unit.test_a.not a name"), None),
        (Case("test_x", "", file="../../etc/passwd"), None),
        (Case("test_x", "", file="/etc/passwd"), None),
        (Case("adds numbers", "Calculator adds numbers", file="src/calc.test.js"), None),
        (Case("", "tests.unit.test_a"), None),
        (Case("test_x", "a..b"), None),
        (Case("test_x", "", file="a\0b.py"), None),
        (Case("gone.py::test_x"), None),
    ],
)
def test_a_case_is_mapped_to_a_test_of_a_file_that_is_there_or_not_at_all(
    project: Path, case: Case, node_id: str | None
) -> None:
    assert Names(project).node_id(case) == node_id


def test_a_file_outside_that_a_link_leads_to_is_not_in_the_project(project: Path) -> None:
    (project.parent / "outside.py").touch()
    (project / "link.py").symlink_to(project.parent / "outside.py")
    (project / "loop.py").symlink_to("loop.py")
    names = Names(project)
    assert names.node_id(Case("test_x", "link")) is None
    assert names.node_id(Case("test_x", "loop")) is None


# -- JUnit -----------------------------------------------------------------------------------------------------


def test_a_junit_file_gives_durations_and_failures(project: Path) -> None:
    text = junit(
        '<testcase classname="tests.unit.test_a" name="test_1" time="1,234.5"/>',
        '<testcase classname="tests.unit.test_a" name="test_2" time="2">'
        '<failure message="ValueError: port 3">tests/unit/test_a.py:3: ValueError</failure></testcase>',
        '<testcase classname="tests.unit.test_a" name="test_3" time="nan"><skipped type="pytest.skip"/></testcase>',
        '<testcase classname="tests.unit.test_a" name="test_4" time="1">'
        '<flakyFailure message="first">x</flakyFailure><system-out>o</system-out></testcase>',
        '<testcase classname="somewhere.Else" name="t"/>',
    )
    found, history = take_in(project, text)
    assert (found.tests, found.untimed, found.duplicates) == (4, 1, 0)
    assert found.unmapped == ("somewhere.Else::t",)
    known = history.remembered()
    assert known.seconds[f"{A}::test_1"] == 1234.5
    assert known.failed == {f"{A}::test_2": "failed"}
    assert known.flaky == {f"{A}::test_4"}
    assert f"{A}::test_3" not in known.seconds
    row = one_test(history, f"{A}::test_2")
    assert row is not None
    assert row.attempts[0].failure == "ValueError: port <n> (unit/test_a.py)"
    (run,) = last_runs(history)
    assert (run.mode, run.executed, run.exit_code) == ("import", 4, 1)


def test_the_report_of_pytest_itself_is_mapped_whole(project: Path) -> None:
    import subprocess
    import sys

    (project / A).write_text(
        "import pytest, unittest\n"
        "@pytest.mark.parametrize('x', ['a/b', 'c.d::e', 1])\ndef test_p(x): pass\n"
        "class TestK:\n    class TestInner:\n        def test_m(self): assert 0\n"
        "class U(unittest.TestCase):\n    def test_u(self): pass\n"
        "@pytest.mark.xfail\ndef test_xf(): assert 0\n"
        "@pytest.fixture\ndef bad():\n    yield\n    raise ValueError(1)\ndef test_twice(bad): assert 0\n"
    )
    ids = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--rootdir", ".", A, "--import-mode=importlib"],
        cwd=project, capture_output=True, text=True, check=True,
    ).stdout.split("\n\n")[0].splitlines()  # fmt: skip
    xml = project / "out.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", ".", A, f"--junitxml={xml}", "--import-mode=importlib"],
        cwd=project, capture_output=True, check=False,
    )  # fmt: skip
    found, history = take_in(project, xml.read_bytes())
    assert found.unmapped == ()
    assert found.duplicates == 1
    assert set(history.durations()) == set(ids)
    assert set(history.remembered().failed) == {f"{A}::TestK::TestInner::test_m", f"{A}::test_twice"}


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'
OUTSIDE = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("<html></html>", "no JUnit"),
        (junit("<testcase>"), "well-formed"),
        ("<testsuite>" + "<a>" * 100, "nested"),
        ("just text", "well-formed"),
        ("", "empty"),
        (b"\xff\xfe\x00garbage", "well-formed"),
        ('{"results": 3}', "no CTRF"),
        ('{"results": {"tests": [{"name": 3}]}}', r"results.tests\[0\] has no name"),
        ('{"results": {"tests": [{"name": "a", "status": "great"}]}}', "status is 'great'"),
        ("{" * 100_000, "no JSON"),
        ('{"a":' * 100_000, "no JSON"),
    ],
)
def test_what_holds_no_results_is_refused_with_its_reason_and_nothing_is_written(
    project: Path, content: str | bytes, why: str
) -> None:
    with pytest.raises(ForeignError, match=why):
        take_in(project, content)
    assert not (project / ".apex").exists()


def test_a_file_that_is_too_large_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MOST_BYTES", 1000)
    with pytest.raises(ForeignError, match="larger"):
        take_in(project, junit() + " " * 1000)


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: junit(text).encode()))
def test_any_bytes_are_results_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(ForeignError):
        importing._read(data)


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda each: st.lists(each) | st.dictionaries(
    st.sampled_from(["results", "tests", "name", "status", "duration", "tool", "summary", "start", "suite", "retries"]),
    each,
), max_leaves=20))  # fmt: skip
def test_any_json_is_results_or_is_refused(document: object) -> None:
    for wrapped in (
        document,
        {"results": {"tests": [{"name": "a", "status": "passed", "x": document}, document]}},
    ):
        try:
            read_ctrf(json.dumps(wrapped).encode())
        except ForeignError:
            continue


# -- CTRF ------------------------------------------------------------------------------------------------------


def test_a_ctrf_file_gives_durations_failures_and_flaky_tests(project: Path) -> None:
    tests = [
        {"name": f"{A}::test_1", "status": "passed", "duration": 1500},
        {"name": "test_2", "status": "failed", "duration": 10, "filePath": A, "message": "no"},
        {"name": "test_3", "status": "passed", "duration": 10, "filePath": A, "retries": 2, "flaky": True},
        {"name": "test_4", "status": "other", "duration": 10, "filePath": A},
        {"name": "adds", "status": "passed", "duration": 1, "suite": ["calc", "sum"]},
    ]
    document = {"results": {"tool": {"name": "other"}, "summary": {"start": 1767225600000}, "tests": tests}}
    found, history = take_in(project, json.dumps(document), "ctrf.json")
    assert (found.runner, found.tests, found.unmapped) == ("other", 4, ("calc/sum::adds",))
    known = history.remembered()
    assert known.seconds[f"{A}::test_1"] == 1.5
    assert known.failed == {f"{A}::test_2": "failed"}
    assert known.flaky == {f"{A}::test_3"}
    (run,) = last_runs(history)
    assert run.began == "2026-01-01T00:00:00.000000Z"
    assert (run.collected, run.executed, run.owed) == (4, 3, 1)


# -- once ------------------------------------------------------------------------------------------------------

ONE = junit('<testcase classname="tests.unit.test_a" name="test_1" time="1"/>')


def test_the_same_file_is_taken_in_once_whatever_its_name_and_time(project: Path) -> None:
    first, history = take_in(project, ONE)
    before = content_of(history.path)
    assert not first.already
    second, history = take_in(project, ONE, "other.xml")
    os.utime(project.parent / "other.xml", (0, 0))
    assert second.already
    assert content_of(history.path) == before


def test_a_rebuild_finds_imports_again(project: Path) -> None:
    _, history = take_in(project, ONE)
    before = content_of(history.path)
    assert history.rebuild() == 1
    assert content_of(history.path) == before


def test_a_file_of_which_nothing_can_be_mapped_leaves_no_run(project: Path) -> None:
    file = project.parent / "results.xml"
    file.write_text(junit('<testcase classname="a" name="b"/>'))
    found = import_file(project / ".apex", project, file, lambda file, test: "unit")
    assert (found.tests, found.unmapped) == (0, ("a::b",))
    assert not (project / ".apex").exists()


def test_an_import_killed_at_any_step_is_there_or_not_and_can_be_done_again(project: Path) -> None:
    file = project.parent / "r.xml"
    file.write_text(ONE)

    def action(base: Path) -> None:
        import_file(base, project, file, lambda file, test: "unit")

    for step in range(100):
        base = project.parent / f"base{step}"
        killed = killed_at(step, lambda base=base: action(base))  # type: ignore[misc]
        history = History(base) if base.exists() else None
        if history is not None:
            assert history.catch_up() in (0, 1)
            assert history.notes == []
        action(base)
        history = History(base)
        history.catch_up()
        assert set(history.durations()) == {f"{A}::test_1"}
        assert len(last_runs(history)) == 1
        if not killed:
            break
    else:
        pytest.fail("the import never ended")
    assert step > 5


def test_too_many_cases_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_framework.records.junit_reading.MOST_CASES", 2)
    with pytest.raises(ForeignError, match="more than 2 cases"):
        importing._read(junit("<testcase/>" * 3).encode())
    assert foreign_results.MOST_CASES > 100_000
