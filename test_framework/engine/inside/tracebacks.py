"""Tracebacks that pytest can show, whatever instruction a signal interrupted.

Rules: an instruction that belongs to no line has none in its traceback either (`tb_lineno` is None), which pytest
does not expect; such an entry gets the first line of its function.
"""

from __future__ import annotations

import types

import pytest


def mend(call: pytest.CallInfo[object]) -> None:
    """Give every entry of the call's traceback a line number."""
    excinfo = call.excinfo
    if excinfo is None or not _is_broken(excinfo.tb):
        return
    whole = _with_lines(excinfo.tb)
    excinfo.value.__traceback__ = whole
    call.excinfo = pytest.ExceptionInfo.from_exc_info((excinfo.type, excinfo.value, whole))  # type: ignore[arg-type]


def _is_broken(entry: types.TracebackType | None) -> bool:
    while entry is not None:
        line: int | None = entry.tb_lineno
        if line is None:
            return True
        entry = entry.tb_next
    return False


def _with_lines(entry: types.TracebackType | None) -> types.TracebackType | None:
    if entry is None:
        return None
    line: int | None = entry.tb_lineno
    frame = entry.tb_frame
    shown = frame.f_code.co_firstlineno if line is None else line
    return types.TracebackType(_with_lines(entry.tb_next), frame, entry.tb_lasti, shown)


def stems_from(problem: BaseException, kind: type[BaseException]) -> bool:
    """Whether an exception was raised while one of this kind was on its way, as plug-ins that wrap hooks do."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [problem]
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        if isinstance(each, kind):
            return True
        seen.add(id(each))
        todo += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return False
