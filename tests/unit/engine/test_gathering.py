from __future__ import annotations

import pytest

from test_framework.engine.gathering import Gathering, choose_isolation, no_pytest, no_python
from test_framework.model.outcome import ExitCode

LOOKED = {"roots": ["tests", "more/test_a.py::test_b"], "names": ["test_*.py"], "covers": False}
TOLD = {"unsafe": "", "go_on": False, "maxfail": 2, "collect_only": False, "rootdir": "/p", "looked": LOOKED}


def test_a_collection_is_put_together_from_rows_that_name_files_and_marks_by_number() -> None:
    gathering = Gathering()
    messages = [
        {"type": "hello", "python": "3.11.7", "pytest": "9.2.0"},
        {"type": "items", "rows": [["t.py::a", 0, 3, "t.py", 1, False, False]]},
        {"type": "items", "rows": [["u.py::b", 1, 0, "u.py", 0, True, True]]},
        {"type": "mark_sets", "rows": [[], ["slow"]]},
        {"type": "files", "rows": ["t.py", "u.py"]},
        {"type": "deselected", "count": 2},
        {"type": "deselected", "count": 1},
        {"type": "warning", "row": ["W", "text", "collect", "", "x:1"]},
        {"type": "collect_report", "node": "v.py", "outcome": "failed", "message": "no", "detail": "why"},
    ]
    assert all(gathering.take(message) for message in messages)
    assert not gathering.take({"type": "forked"})
    collection = gathering.collection(TOLD, "auto")
    first, second = collection.tests
    assert (first.id, first.index, first.file, first.line, first.marks) == ("t.py::a", 0, "t.py", 3, {"slow"})
    assert (second.index, second.file, second.linked, second.exclusive) == (1, "u.py", True, True)
    assert (collection.deselected, collection.maxfail, collection.isolation) == (3, 2, "fork")
    assert collection.reports[0].node == "v.py"
    assert (collection.roots, collection.test_files) == (("tests", "more/test_a.py"), ("test_*.py",))


@pytest.mark.parametrize(
    ("asked", "unsafe", "chosen"),
    [
        ("auto", "", ("fork", "")),
        ("auto", "threads", ("spawn", "threads")),
        ("fork", "threads", ("fork", "asked for, although threads")),
        ("spawn", "", ("spawn", "asked for")),
        ("inline", "threads", ("inline", "asked for")),
    ],
)
def test_lanes_are_forked_where_that_is_safe_or_asked_for(
    asked: str, unsafe: str, chosen: tuple[str, str]
) -> None:
    assert choose_isolation(asked, unsafe) == chosen


@pytest.mark.parametrize(
    ("status", "how", "code"),
    [
        (4, "", ExitCode.USAGE),
        (2, "", ExitCode.INTERRUPTED),
        (3, "", ExitCode.INTERNAL_ERROR),
        (5, "", ExitCode.NO_TESTS),
        (0, "", ExitCode.USAGE),
        (-1, "killed by SIGSEGV", ExitCode.INTERNAL_ERROR),
    ],
)
def test_a_session_that_ends_before_its_tests_are_known_is_never_a_success(
    status: int, how: str, code: ExitCode
) -> None:
    gathering = Gathering()
    gathering.take({"type": "collecting", "node": "t.py"})
    error = gathering.ended(status, how, "its output")
    assert error.exit_code is code
    assert "t.py" in error.what
    assert error.hint == "its output"


def test_pytest_s_own_last_words_are_the_hint() -> None:
    gathering = Gathering()
    gathering.take({"type": "ended_by", "message": "Exit: no database"})
    assert gathering.ended(2, "", "noise").hint == "Exit: no database"


def test_an_interpreter_that_does_not_do_is_named() -> None:
    assert "/x/python" in no_pytest("/x/python", "No module named 'pytest'").what
    assert "exit status 7" in no_python("/bin/thing", 7, "").what
