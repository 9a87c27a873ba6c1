import logging
import sys


def test_shows_its_output():
    print("marker-on-stdout")
    print("marker-on-stderr", file=sys.stderr)
    logging.getLogger("corpus").warning("marker-in-log")
    assert False
