from __future__ import annotations

from pathlib import Path

import pytest

from test_framework.engine import output
from test_framework.engine.output import OutputLog
from test_framework.engine.redaction import Redactor

SECRET = Redactor({"A_TOKEN": "s3cr3t-value"})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MOST_HEAD", 1000)
    monkeypatch.setattr(output, "MOST_TAIL", 1000)


@pytest.mark.usefixtures("small")
def test_head_and_tail_are_kept_and_what_is_dropped_is_counted(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "log", SECRET)
    lines = [b"%06d\n" % number for number in range(1000)]
    for line in lines:
        log.write(line)
    log.finish()
    kept = (tmp_path / "log").read_bytes()
    head, tail = kept[:1000], kept[-994:]
    assert head == b"".join(lines)[:1000]
    assert b"".join(lines).endswith(tail)
    dropped = int(kept.split(b"... ")[1].split(b" bytes")[0])
    note = b"\n... %d bytes dropped ...\n" % dropped
    assert len(kept) - len(note) + dropped == 7000
    assert len(kept) < 2100


@pytest.mark.usefixtures("small")
def test_a_flood_without_line_ends_takes_no_more_memory(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "log", SECRET)
    for _ in range(200):
        log.write(b"x" * 10_000)
    log.finish()
    assert (tmp_path / "log").stat().st_size < 100_000


def test_a_secret_cut_in_two_by_chunks_is_masked(tmp_path: Path) -> None:
    shown: list[bytes] = []
    log = OutputLog(tmp_path / "log", SECRET, shown.append)
    for chunk in (b"it is s3cr3t", b"-value", b" indeed\nand s3cr3t-", b"value"):
        log.write(chunk)
    log.finish()
    for text in (b"".join(shown), (tmp_path / "log").read_bytes()):
        assert text == b"it is [redacted A_TOKEN] indeed\nand [redacted A_TOKEN]"


def test_what_two_sources_print_at_once_is_not_mixed_and_a_cut_secret_is_masked(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "log", SECRET)
    log.write(b"one s3cr3t", 1)
    log.write(b"two begins\nand s3c", 2)
    log.write(b"-value of one\n", 1)
    log.write(b"r3t-value", 2)
    assert "[redacted A_TOKEN]" in log.tail(100)
    log.ended(2)
    log.write(b" no more\n", 2)
    log.finish()
    assert (tmp_path / "log").read_bytes() == (
        b"two begins\none [redacted A_TOKEN] of one\nand [redacted A_TOKEN] no more\n"
    )


def test_bytes_that_are_no_text_are_kept_as_they_came(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "log", SECRET)
    log.write(bytes(range(256)) + b"\n")
    log.finish()
    assert (tmp_path / "log").read_bytes() == bytes(range(256)) + b"\n"


def test_no_output_makes_no_file_and_a_file_is_private(tmp_path: Path) -> None:
    OutputLog(tmp_path / "none", SECRET).finish()
    assert not (tmp_path / "none").exists()
    log = OutputLog(tmp_path / "some", SECRET)
    log.write(b"words")
    log.finish()
    assert (tmp_path / "some").stat().st_mode & 0o777 == 0o600
    assert log.tail(3) == "rds"
