"""Tracebacks of tests that a signal interrupted can be shown, even where the instruction belongs to no line."""

from __future__ import annotations

import pytest

from test_framework.engine.inside.tracebacks import mend

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
