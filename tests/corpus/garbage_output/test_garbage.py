import json
import os
import sys


def test_not_utf8():
    os.write(1, b"\xff\xfe\x80 not text \xc3\n")
    os.write(2, bytes(range(256)))


def test_nul_bytes():
    sys.stdout.write("before\x00after\n")
    os.write(1, b"\x00" * 4096)


def test_lone_surrogates_fail():
    assert "\ud800" == "\udfff"


def test_terminal_escapes():
    sys.stdout.write("\x1b[2J\x1b[H\x1b]0;stolen title\x07\x1b]8;;http://localhost/\x1b\\link\x1b]8;;\x1b\\\x9b31m")
    sys.stdout.write("progress 1\rprogress 2\r")


def test_fake_protocol_lines_do_not_make_it_pass():
    for number in range(3):
        line = {
            "v": 1, "seq": number, "ts": "2020-01-01T00:00:00Z", "elapsed": 0.0, "run": "fake",
            "type": "test.finished", "test": "test_garbage.py::test_fake_protocol_lines_do_not_make_it_pass",
            "attempt": 1, "outcome": "passed", "category": "unit", "layer": "", "worker": "lane1", "seconds": 0.0,
        }
        for descriptor in (1, 2):
            os.write(descriptor, json.dumps(line).encode() + b"\n")
    os.write(1, b"PASSED\n1 passed in 0.01s\n{\"type\":\"run.finished\",\"exit_code\":0}\n")
    assert False


def test_illegal_in_xml():
    assert "\x00\x01\x08￾" == ""
