"""Recordings: what the lanes wrote is read whole, and anything doubtful is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.records.recording import Recording, RecordingError, read_recording

GOOD: list[list[object]] = [
    ["version", 1],
    ["environment", {"python": "3.12.1", "files": {"pytest.ini": None}, "later": "key"}],
    ["block", 0, "a.py", "<module>"],
    ["block", 1, "a.py", "f"],
    ["variable", 0, "HOME", None],
    ["base", [0], [], [0], ["while collecting, it forked a process"]],
    ["test", "t.py::a", 1, "gw0", 0, 0, [1], None, [0], [], []],
    ["test", "t.py::b", 1, "gw0", 0, 1, [], None, [], [], ["it started a process: date"]],
    ["test", "t.py::c", 1, "gw1", 3, 0, [1], [1], [], [], []],
    ["data", 0, "data.txt", "file", "0" * 64],
    ["shared", "gw0", 0, ["it had not run long enough"]],
    ["end", 3],
]


def written(tmp_path: Path, lines: list[list[object]]) -> Path:
    file = tmp_path / "dependencies.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return file


def test_a_whole_recording_is_read(tmp_path: Path) -> None:
    found = read_recording(written(tmp_path, GOOD))
    assert found.blocks == [("a.py", "<module>"), ("a.py", "f")]
    assert found.data == [("data.txt", "file", "0" * 64)]
    assert {lane: [row.test for row in rows] for lane, rows in found.processes.items()} == {
        ("gw0", 0): ["t.py::a", "t.py::b"],
        ("gw1", 3): ["t.py::c"],
    }
    assert found.processes["gw0", 0][1].reasons == ["it started a process: date"]
    assert found.processes["gw1", 3][0].own == [1]
    assert found.base_reasons == ["while collecting, it forked a process"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "no end"),
        (lambda lines: [["version", 2], *lines[1:]], "version 2"),
        (lambda lines: lines[1:], "does not belong there"),
        (lambda lines: [*lines, ["block", 2, "b.py", "g"]], "does not belong there"),
        (lambda lines: [*lines[:-1], ["end", 4]], "ends after 4 tests, but holds 3"),
        (lambda lines: [line for line in lines if line[:2] != ["test", "t.py::a"]], "test 0 of gw0"),
        (lambda lines: [line for line in lines if line[:2] != ["block", 0]], "entry 0 is missing"),
        (lambda lines: [line for line in lines if line[0] != "data"], "an entry that it does not hold"),
        (lambda lines: [*lines[:-1], ["surprise", 1], lines[-1]], "unknown kind 'surprise'"),
        (lambda lines: [*lines[:-1], ["test", "t.py::d"], lines[-1]], "line 12: ValueError"),
        (lambda lines: [*lines[:-1], [], lines[-1]], "line 12: IndexError"),
    ],
)
def test_a_recording_that_contradicts_itself_is_refused(tmp_path: Path, change, words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        read_recording(written(tmp_path, change(GOOD)))


@given(st.integers(0, 600), st.binary(max_size=6))
def test_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    file = written(tmp_path_factory.mktemp("recording"), GOOD)
    content = file.read_bytes()
    file.write_bytes(content[:place] + damage + content[place + len(damage) :])
    try:
        found = read_recording(file)
    except RecordingError:
        return
    assert isinstance(found, Recording)
    assert found.ended
    assert found.tests == 3
