from __future__ import annotations

import io
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.sinks.console import Console, open_console, terminal_size
from test_framework.sinks.ink import Look, plain, wants_colour
from test_framework.sinks.screen import Screen

DETAIL = """\
    def test_add():
>       assert add(1, 2) == 4
E       assert 3 == 4

tests/test_a.py:5: AssertionError"""


@pytest.fixture
def console(outlet, story):
    story.sinks = [Console(outlet, Look(width=80), clock=story.clock)]
    return story


@pytest.fixture
def live(outlet, story):
    size = [100, 24]
    sink = Console(outlet, Look(width=100, cut=True), live=True, size=lambda: tuple(size), clock=story.clock)
    story.sinks = [sink]
    story.size = size
    return story


def test_a_run_that_is_well_is_told_in_a_few_lines(console, outlet):
    console.begin(tests=2)
    console.wait(0.3)
    console.end("tests/test_a.py::test_one")
    console.end("tests/test_a.py::test_two")
    console.finish()
    assert outlet.text() == (
        "apex 0.1.0: farm, fast_feedback, 2 lanes\n"
        "Python 3.13.0, pytest 9.2.0; collected 2 tests in 0.4 s\n"
        "first result after 0.7 s: tests/test_a.py::test_one passed\n"
        "fast_feedback: passed, 2/2 in 0.3 s\n"
        "executed 2 + proven 0 + owed 0 = collected 2\n"
        "apex: 2 passed in 0.7 s - OK (exit 0)\n"
    )
    assert outlet.closed


def test_a_failure_is_told_in_full_as_soon_as_it_is_known(console, outlet):
    console.begin(tests=2)
    before = len(outlet.text())
    console.end(
        "tests/test_a.py::test_add",
        Outcome.FAILED,
        message="assert 3 == 4",
        detail=DETAIL,
        location="tests/test_a.py:5",
        sections=(("Captured stdout call", "hello\n"),),
    )
    assert outlet.text()[before:] == (
        "______________________ FAILED tests/test_a.py::test_add _______________________\n"
        f"{DETAIL}\n"
        "---------------------------- Captured stdout call -----------------------------\n"
        "hello\n"
        "\n"
    )


def test_nothing_of_a_failure_is_cut_however_wide_it_is(console, outlet):
    console.begin(tests=1)
    name, message = "tests/test_a.py::test_" + "n" * 300, "assert " + "x" * 500
    console.end(name, Outcome.FAILED, message=message, detail=message)
    console.finish("failed")
    assert outlet.text().count(name) == 2
    assert outlet.text().count(message) == 2


def test_a_failure_without_a_traceback_shows_its_message_and_place(console, outlet):
    console.begin(tests=1)
    console.end("tests/test_a.py::test_c", Outcome.CRASHED, message="SIGSEGV", location="tests/test_a.py:9")
    assert "CRASHED tests/test_a.py::test_c ___" in outlet.text()
    assert "SIGSEGV\nat tests/test_a.py:9\n" in outlet.text()
    console.end(
        "t.py::d",
        Outcome.TIMED_OUT,
        message="longer than 5 s",
        detail="stack\n  File t.py",
        location="t.py:3",
    )
    assert "stack\n  File t.py\nlonger than 5 s\n\n" in outlet.text()


def test_an_output_that_was_given_up_is_named_at_once(console, outlet):
    console.begin(tests=1)
    console.say(f.SinkFailed(sink="junit", message="a.xml: Permission denied"))
    assert outlet.text().endswith("warning: output 'junit' was given up: a.xml: Permission denied\n")


def test_each_attempt_that_fails_is_told_and_the_pass_after_it_is_called_flaky(console, outlet):
    console.begin(tests=1)
    console.end("t.py::a", Outcome.FAILED, message="no")
    console.end("t.py::a", Outcome.FAILED, message="no", attempt=2)
    console.end("t.py::a", attempt=3)
    assert "FAILED t.py::a (attempt 2)" in outlet.text()
    assert "FLAKY t.py::a passed on attempt 3\n" in outlet.text()


def test_broken_files_and_subtests_are_told_as_they_happen(console, outlet):
    console.begin(tests=1)
    console.say(f.CollectionFailed(location="tests/test_b.py", detail="E   ImportError: nope"))
    console.say(
        f.SubtestFinished(
            test="t.py::a", attempt=1, description="[i=2]", outcome=Outcome.FAILED, detail="E   assert 0"
        )
    )
    console.say(f.SubtestFinished(test="t.py::a", attempt=1, description="[i=3]", outcome=Outcome.SKIPPED))
    assert "_ ERROR collecting tests/test_b.py _" in outlet.text()
    assert "_ SUBFAILED[i=2] t.py::a _" in outlet.text()
    assert "[i=3]" not in outlet.text()


def test_a_log_hears_of_progress_at_quarters_and_then_every_so_often(console, outlet):
    console.begin(tests=8)
    console.end("t.py::0")
    console.end("t.py::1", Outcome.FAILED)
    before = len(outlet.text())
    console.start("t.py::2")
    console.wait(2.8)
    assert outlet.text()[before:] == ""
    console.wait(0.4)
    told = outlet.text()[before:]
    assert told == (
        "fast_feedback: 2/8 (25 %), 1 failed, 3 s of 2 min, about 9 s left; for 3 s on gw0: t.py::2\n"
    )
    console.wait(9.5)
    assert outlet.text()[before:] == told
    console.wait(0.6)
    assert outlet.text()[before:].count("\n") == 2
    console.wait(110)
    assert outlet.text()[before:].count("\n") < 12


def test_a_short_run_hears_of_no_progress(console, outlet):
    console.begin(tests=25)
    for number in range(25):
        console.wait(0.1)
        console.end(f"t.py::{number}")
    assert "%" not in outlet.text()


def test_verbose_has_a_line_for_each_test_as_pytest_has(outlet, story):
    story.sinks = [Console(outlet, Look(width=60, verbose=True), clock=story.clock)]
    story.begin(tests=4)
    before = len(outlet.text())
    story.end("t.py::one")
    story.end("t.py::two", Outcome.SKIPPED, message="no database")
    story.end("t.py::three", seconds=2.0)
    story.end("t.py::four", Outcome.XPASSED)
    assert outlet.text()[before:].splitlines() == [
        "t.py::one PASSED                                     [ 25%]",
        "t.py::two SKIPPED (no database)                      [ 50%]",
        "t.py::three PASSED in 2.0 s                          [ 75%]",
        "t.py::four XPASS                                     [100%]",
    ]


def test_a_terminal_shows_layers_and_slow_tests_below_what_scrolls(live, outlet, new_terminal):
    live.begin(tests=8)
    live.end("t.py::0")
    live.start("t.py::slow")
    live.wait(3.0)
    terminal = new_terminal(100)
    terminal.feed(outlet.data)
    done, rest = "\u2501", "\u2508"
    assert terminal.text().splitlines() == [
        "apex 0.1.0: farm, fast_feedback, 2 lanes",
        "Python 3.13.0, pytest 9.2.0; collected 8 tests in 0.4 s",
        "",
        f" fast_feedback  {3 * done}{27 * rest}  1/8   3 s / 2 min  ~21 s left",
        "   gw0     3 s  t.py::slow",
    ]


def test_what_a_terminal_shows_for_good_is_what_a_log_shows(live, outlet, new_terminal):
    live.begin(tests=3)
    for number in range(3):
        live.start(f"t.py::{number}")
        live.wait(1.5)
        live.end(f"t.py::{number}", Outcome.FAILED, message="no", detail=f"E   number {number}")
    live.finish("failed")
    terminal = new_terminal(100)
    terminal.feed(outlet.data)
    text = terminal.text()
    for number in range(3):
        assert text.count(f"E   number {number}\n") == 1
    assert "left" not in text
    assert "\u2501" not in text
    assert text.splitlines()[-1].startswith("apex: 3 failed in")


def test_a_foot_that_a_narrower_terminal_has_wrapped_is_taken_away_in_full(new_terminal):
    screen, terminal = Screen(colour=False), new_terminal(40)
    terminal.feed(screen.frame("above\n", [plain("x" * 99), plain("y" * 30)], 100).encode())
    assert (
        len(terminal.text().splitlines()) == 5
    )  # as a terminal of 100 columns looks after it became 40 wide
    terminal.feed(screen.frame("", [plain("z")], 40).encode())
    assert terminal.text() == "above\nz"
    terminal.feed(screen.clear(40).encode())
    assert terminal.text() == "above"


def test_an_unchanged_picture_is_not_sent_again():
    screen = Screen(colour=False)
    foot = [plain("one"), plain("two")]
    assert screen.frame("", foot, 80)
    assert screen.frame("", foot, 80) == ""
    assert "two" in screen.frame("text\n", foot, 80)


def test_the_painter_learns_of_a_new_width(live, outlet, new_terminal):
    live.begin(tests=8)
    live.start("tests/test_long_name.py::test_with_a_long_name_too_that_is_cut_on_narrow_terminals")
    live.size[:] = [40, 24]
    live.wait(2.0)
    before = len(outlet.data)
    live.wait(1.0)
    terminal = new_terminal(1000)
    terminal.feed(outlet.data[before:])
    assert 20 < max(len(row) for row in terminal.text().splitlines()) < 40


def test_the_foot_does_not_jump_when_slow_tests_end(live, outlet, new_terminal):
    live.begin(tests=8)
    live.start("t.py::slow")
    live.wait(2.0)
    terminal = new_terminal(100)
    terminal.feed(outlet.data)
    row = terminal.row
    before = len(outlet.data)
    live.end("t.py::slow")
    live.wait(1.0)
    terminal.feed(outlet.data[before:])
    assert "slow" not in terminal.text()
    assert terminal.row == row


def test_a_burst_of_failures_is_painted_together(live, outlet):
    live.begin(tests=2000)
    live.wait(1.0)
    before = outlet.writes
    for number in range(1000):
        live.end(f"t.py::{number}", Outcome.FAILED, message="no")
    live.wait(0.3)
    assert outlet.writes - before <= 4
    assert outlet.data.count(b" FAILED t.py::") == 1000


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(), max_size=30), terminal=st.booleans(), verbose=st.booleans())
def test_no_text_of_a_test_reaches_the_terminal_raw(every_fact, new_story, text, terminal, verbose):
    stream = io.BytesIO()
    outlet = _into(stream)
    look = Look(width=70, height=20, verbose=verbose, cut=terminal)
    story = new_story()
    story.sinks = [Console(outlet, look, live=terminal, clock=story.clock)]
    for fact in every_fact(text):
        story.say(fact)
        story.wait(0.1)
    story.finish("failed", layer="one")
    shown = stream.getvalue().decode()
    if not terminal:
        assert "\x1b" not in shown
    for code in (
        "\x1b[?2026h",
        "\x1b[?2026l",
        "\x1b[J",
        "\x1b[K",
        *(f"\r\x1b[{rows}A" for rows in range(1, 20)),
    ):
        shown = shown.replace(code, "")
    assert not [each for each in shown if each not in "\n\t" and (ord(each) < 32 or 0x7F <= ord(each) < 0xA0)]


def _into(stream):
    from test_framework.sinks.outlet import Outlet

    outlet = Outlet(lambda data: None)
    outlet.write = stream.write
    outlet.close = lambda: None
    return outlet


def test_an_ascii_stream_gets_ascii(story):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    story.sinks = [open_console(stream, live=True, environ={})]
    story.begin(tests=1)
    story.end("t.py::h\u00e9llo", Outcome.FAILED, message="\u4f60")
    story.finish("failed")
    text = raw.getvalue().decode("ascii")
    assert r"FAILED t.py::h\xe9llo - \u4f60" in text


def test_a_pipe_gets_plain_lines_even_when_a_live_console_was_asked_for(story):
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        story.sinks = [open_console(stream, live=True, environ={"TERM": "xterm"})]
        story.begin(tests=1)
        story.end("t.py::a", Outcome.FAILED)
        story.wait(1.0)
        story.finish("failed")
    with open(reading, "rb") as stream:
        assert b"\x1b" not in stream.read()


def test_a_dumb_terminal_gets_plain_lines_and_a_real_one_colours(story, new_story):
    assert b"\x1b" not in _on_a_terminal(story, {"TERM": "dumb"})
    painted = _on_a_terminal(new_story(), {"TERM": "xterm", "COLUMNS": "70"})
    assert b"\x1b[31;1m" in painted
    assert b"\x1b[?2026h" in painted
    uncoloured = _on_a_terminal(new_story(), {"TERM": "xterm", "NO_COLOR": "1"})
    assert b"\x1b[?2026h" in uncoloured
    assert b"\x1b[31;1m" not in uncoloured


def _on_a_terminal(story, environ):
    import pty
    import threading

    ours, theirs = pty.openpty()
    got = []

    def read():
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                return
            got.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    with open(theirs, "w") as stream:
        story.sinks = [open_console(stream, live=True, environ=environ)]
        story.sinks[0]._clock = story.clock
        story.begin(tests=1)
        story.end("t.py::a", Outcome.FAILED, message="no")
        story.wait(1.0)
        story.finish("failed")
    reader.join()
    os.close(ours)
    return b"".join(got)


@pytest.mark.parametrize(
    ("terminal", "environ", "wanted"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"PY_COLORS": "0", "FORCE_COLOR": "1"}, False),
        (False, {"PY_COLORS": "1", "NO_COLOR": "1"}, True),
    ],
)
def test_colours_are_used_where_they_are_wanted(terminal, environ, wanted):
    assert wants_colour(terminal, environ) is wanted


def test_the_size_comes_from_the_environment_first():
    assert terminal_size(-1, {"COLUMNS": "132", "LINES": "50"}) == (132, 50)
    assert terminal_size(-1, {"COLUMNS": "wide", "LINES": "0"}) == (100, 24)
