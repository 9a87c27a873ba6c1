from __future__ import annotations

import os
import signal

import pytest

from test_framework.engine.lane_link import LaneLink, ending, without_machinery


@pytest.mark.parametrize(
    ("status", "goodbye", "memory", "words"),
    [
        (0, True, False, ""),
        (0, False, False, "exited early with status 0"),
        (3 << 8, False, False, "exited early with status 3"),
        (3 << 8, True, False, "exited early with status 3"),
        (77 << 8, False, False, "channel lost: the test closed the pipes to the runner"),
        (signal.SIGSEGV, False, False, "killed by SIGSEGV"),
        (signal.SIGSEGV | 0x80, False, False, "killed by SIGSEGV"),
        (signal.SIGKILL, False, False, "killed by SIGKILL"),
        (signal.SIGKILL, False, True, "killed by the kernel: out of memory"),
        (signal.SIGSEGV, False, True, "killed by SIGSEGV"),
        (40, True, False, "killed by signal 40"),
    ],
)
def test_every_ending_of_a_lane_has_words(status: int, goodbye: bool, memory: bool, words: str) -> None:
    assert ending(status, goodbye, memory) == words


def test_frames_below_the_test_are_left_out_of_a_stack_and_counted() -> None:
    stack = "\n".join(  # noqa: FLY002 - one line of the stack a line
        [
            "Current thread 0x1 (most recent call first):",
            '  File "/p/test_a.py", line 3 in test_a',
            '  File "/v/_pytest/python.py", line 1 in x',
            '  File "/v/pluggy/_callers.py", line 1 in y',
            "Thread 0x2:",
            '  File "/p/other.py", line 3 in z',
            '  File "/t/engine/inside/lane.py", line 1 in run',
        ]
    )
    assert without_machinery(stack).splitlines() == [
        "Current thread 0x1 (most recent call first):",
        '  File "/p/test_a.py", line 3 in test_a',
        "  (2 frames of pytest and of the runner)",
        "Thread 0x2:",
        '  File "/p/other.py", line 3 in z',
        "  (1 frames of pytest and of the runner)",
    ]


@pytest.fixture
def link() -> LaneLink:
    return LaneLink(0, 1)


def test_messages_arrive_whole_however_they_are_cut(link: LaneLink) -> None:
    results = link.their_ends[1]
    os.write(results, b'["s",1]\n["p",')
    assert link.read() == [["s", 1]]
    assert link.read() == []
    os.write(results, b"1,0.5]\n")
    assert link.read() == [["p", 1, 0.5]]
    link.close()


def test_a_dead_lane_s_last_words_are_all_read(link: LaneLink) -> None:
    for number in range(3000):
        os.write(link.their_ends[1], b'["s",%d]\n' % number)
    assert [row[1] for row in link.read_all()] == list(range(3000))
    link.close()


def test_instructions_that_do_not_fit_wait_and_none_is_lost(link: LaneLink) -> None:
    for number in range(4000):
        link.send({"op": "unit", "unit": number, "padding": "x" * 40})
    received = b""
    while not link.push() or received.count(b"\n") < 4000:
        received += os.read(link.their_ends[0], 1 << 20)
    numbers = [int(line.split(b'"unit":')[1].split(b",")[0]) for line in received.splitlines()]
    assert numbers == list(range(4000))
    link.close()


def test_a_lane_that_is_gone_takes_instructions_in_silence(link: LaneLink) -> None:
    link.handed_over()
    link.send({"op": "close"})
    assert link.push()
    link.close()
    link.close()
