"""Tracebacks of tests that a signal interrupted can be shown, even where the instruction belongs to no line."""

from __future__ import annotations

import pytest

from test_framework.engine.inside.tracebacks import mend, stems_from

NO_LINE = 0xFF
"""eight code units that belong to no line (cpython: Objects/locations.md)"""


def interrupted() -> None:
    raise KeyboardInterrupt


def test_an_entry_without_a_line_gets_the_first_line_of_its_function() -> None:
    code = interrupted.__code__
    first = code.co_firstlineno
    interrupted.__code__ = code.replace(co_linetable=bytes([NO_LINE] * (len(code.co_code) // 16 + 1)))
    call = pytest.CallInfo.from_call(interrupted, when="call")
    assert call.excinfo is not None
    assert call.excinfo.tb.tb_next is not None
    assert call.excinfo.traceback[-1]._rawentry.tb_lineno is None, "the fault is there"
    mend(call)
    assert [entry.lineno for entry in call.excinfo.traceback][-1] == first - 1
    assert call.excinfo.getrepr(style="short").reprcrash is not None


def test_a_traceback_with_all_its_lines_is_left_as_it_is() -> None:
    call = pytest.CallInfo.from_call(lambda: 1 // 0, when="call")
    before = call.excinfo
    mend(call)
    assert call.excinfo is before


def test_an_exception_stems_from_one_that_was_on_its_way_when_it_was_raised() -> None:
    def wrapped() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904 - a plug-in that does not say what it wraps

    with pytest.raises(ValueError, match="second") as caught:
        wrapped()
    assert stems_from(caught.value, KeyError)
    assert stems_from(ExceptionGroup("two", [OSError(), caught.value]), KeyError)
    assert not stems_from(caught.value, OSError)
