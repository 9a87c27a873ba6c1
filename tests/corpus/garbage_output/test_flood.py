import os
import sys

MEBIBYTE = 1 << 20


def test_twenty_mebibytes_without_a_newline():
    block = b"x" * MEBIBYTE
    for _ in range(20):
        view = memoryview(block)
        while view:
            view = view[os.write(1, view):]


def test_flood_and_failure():
    sys.stdout.write("y" * (3 * MEBIBYTE))
    sys.stdout.write("end-of-the-flood")
    assert False
