from __future__ import annotations

import json
from pathlib import Path

import pytest

from test_framework.records.last_run import LastRun

BAD = frozenset({"failed", "error"})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    record = LastRun()
    record.merge({"a": 0.25, "ü\udc80": 1.0}, {"a": "failed", "ü\udc80": "passed"}, BAD)
    record.save(tmp_path)
    assert LastRun.load(tmp_path) == record
    assert [path.name for path in tmp_path.iterdir()] == ["last_run.json"]
    assert (tmp_path / "last_run.json").stat().st_mode & 0o777 == 0o600


def test_a_run_of_a_part_forgets_nothing_of_the_rest() -> None:
    record = LastRun()
    record.merge({"a": 1.0, "b": 2.0}, {"a": "failed", "b": "error"}, BAD)
    record.merge({"b": 3.0}, {"b": "passed"}, BAD)
    assert record.seconds == {"a": 1.0, "b": 3.0}
    assert record.failed == {"a": "failed"}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "3", '{"version": 99}', '{"version": 1}', '{"version": 1, "seconds": 3, "failed": {}}',
        '{"version": 1, "seconds": {"a": "x"}, "failed": {}}', '{"version": 1, "seconds": {"a": null}, "failed": {}}',
        '{"version": 1, "seconds": {}, "failed": 7}', "\0\0\0",
    ],
)  # fmt: skip
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "last_run.json").write_text(text)
    assert LastRun.load(tmp_path) == LastRun()


def test_a_record_that_is_no_text_or_is_absent_is_no_record(tmp_path: Path) -> None:
    assert LastRun.load(tmp_path) == LastRun()
    (tmp_path / "last_run.json").write_bytes(b"\xff\xfe\x00")
    assert LastRun.load(tmp_path) == LastRun()


def test_a_record_that_cannot_be_saved_leaves_the_old_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LastRun({"a": 1.0}).save(tmp_path)
    before = (tmp_path / "last_run.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        LastRun({"b": 1.0}).save(tmp_path)
    assert (tmp_path / "last_run.json").read_bytes() == before
    assert json.loads(before)["seconds"] == {"a": 1.0}
    assert len(list(tmp_path.iterdir())) == 1


def test_the_record_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_framework.records.last_run.MOST_TESTS", 3)
    record = LastRun()
    record.merge({str(number): 1.0 for number in range(5)}, {}, BAD)
    assert list(record.seconds) == ["2", "3", "4"]
