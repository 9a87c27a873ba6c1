from __future__ import annotations

import io
import os
import threading

import pytest

from test_framework.sinks import outlet as outlets
from test_framework.sinks.outlet import Outlet, outlet_to, write_fully


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def read_all(descriptor):
    with open(descriptor, "rb", closefd=False) as stream:
        return stream.read()


def test_bytes_arrive_in_order_and_all_of_them_by_the_time_it_is_closed(pipe):
    reading, writing = pipe
    outlet = Outlet(lambda data: write_fully(writing, data))
    for number in range(1000):
        outlet.write(b"%d\n" % number)
    outlet.close()
    os.close(writing)
    assert read_all(reading) == b"".join(b"%d\n" % number for number in range(1000))


def test_a_reader_that_sleeps_does_not_hold_up_the_writer(pipe):
    reading, writing = pipe
    outlet = Outlet(lambda data: write_fully(writing, data))
    for _ in range(20):
        outlet.write(b"x" * 65536)  # far more than a pipe holds, and nobody reads
    assert not outlet.idle
    got = []
    reader = threading.Thread(target=lambda: got.append(read_all(reading)))
    reader.start()
    outlet.close()
    os.close(writing)
    reader.join()
    assert len(got[0]) == 20 * 65536
    assert outlet.idle


def test_more_than_the_limit_waits_for_the_reader(monkeypatch):
    monkeypatch.setattr(outlets, "LIMIT", 10)
    may_write, written = threading.Semaphore(0), []

    def write(data):
        may_write.acquire()
        written.append(data)

    outlet = Outlet(write)
    outlet.write(b"x" * 11)
    second = threading.Thread(target=outlet.write, args=(b"y",))
    second.start()
    assert second.is_alive()
    assert written == []
    may_write.release()
    second.join()
    may_write.release()
    outlet.close()
    assert b"".join(written) == b"x" * 11 + b"y"


def test_the_error_of_the_stream_is_raised_by_what_comes_next(pipe):
    reading, writing = pipe
    os.close(reading)
    outlet = Outlet(lambda data: write_fully(writing, data))
    outlet.write(b"x")
    with pytest.raises(BrokenPipeError):
        outlet.close()
    with pytest.raises(BrokenPipeError):
        outlet.write(b"y")


def test_a_descriptor_that_was_made_non_blocking_loses_nothing(pipe):
    reading, writing = pipe
    os.set_blocking(writing, False)
    got = []
    reader = threading.Thread(target=lambda: got.append(read_all(reading)))
    reader.start()
    write_fully(writing, b"z" * 1_000_000)
    os.close(writing)
    reader.join()
    assert len(got[0]) == 1_000_000


def test_no_thread_is_left_behind():
    outlet = Outlet(lambda data: None)
    outlet.write(b"x")
    outlet.close()
    assert "apex-outlet" not in [thread.name for thread in threading.enumerate()]


def test_a_closed_standard_output_takes_everything():
    outlet = outlet_to(None)
    outlet.write(b"x")
    outlet.close()


def test_a_stream_without_a_descriptor_is_served_too():
    stream = io.StringIO()
    outlet = outlet_to(stream)
    outlet.write("h\u00e9\n".encode())
    outlet.close()
    assert stream.getvalue() == "h\u00e9\n"
