"""Pipes of what processes print: each read for itself, to its end, and closed once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from test_framework.engine.output import OutputLog
from test_framework.engine.output_reader import OutputReader
from test_framework.engine.redaction import Redactor


def test_pipes_are_read_apart_and_a_line_without_an_end_is_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = OutputLog(tmp_path / "log", Redactor({}))
        reader = OutputReader(log)
        ends = [os.pipe() for _ in range(2)]
        for reading, _ in ends:
            reader.watch(reading)
        (first, to_first), (second, to_second) = ends
        os.write(to_first, b"one, ")
        os.write(to_second, b"another line\n")
        reader.read(first)
        reader.read(second)
        os.write(to_first, b"whole")
        reader.forget(first)
        reader.read(None)
        reader.forget(second)
        log.finish()
        for fd in (*ends[0], *ends[1]):
            os.close(fd)

    asyncio.run(scenario())
    assert (tmp_path / "log").read_bytes() == b"another line\none, whole"


def test_a_pipe_that_is_kept_is_open_until_it_is_released(tmp_path: Path) -> None:
    async def scenario() -> None:
        reader = OutputReader(OutputLog(None, Redactor({})))
        kept, writing = os.pipe()
        other, writing_other = os.pipe()
        reader.watch(kept)
        reader.keep(kept)
        reader.keep(other)
        reader.keep(None)
        os.write(writing, b"nobody is killed by this")
        reader.release(kept)
        reader.release(kept)
        with pytest.raises(BrokenPipeError):
            os.write(writing, b"this is seen")
        os.write(writing_other, b"nor by this")
        reader.release()
        with pytest.raises(BrokenPipeError):
            os.write(writing_other, b"this is seen")
        os.close(writing)
        os.close(writing_other)

    asyncio.run(scenario())
