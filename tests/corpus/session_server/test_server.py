import time
import urllib.request

import pytest


@pytest.mark.parametrize("number", range(3))
def test_answers(number):
    with urllib.request.urlopen("http://127.0.0.1:28521/conftest.py", timeout=5) as answer:
        assert answer.status == 200


def test_fails():
    assert False


def test_hangs():
    time.sleep(60)
