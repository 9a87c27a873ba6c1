import os
import time

import pytest


@pytest.mark.parametrize("number", range(4))
def test_uses_the_directory(output, number):
    time.sleep(0.05)
    assert os.path.isdir(output)


def test_writes_a_file_of_a_fixed_name():
    with open("file.txt", "w") as file:
        file.write("one")
    time.sleep(0.3)
    with open("file.txt") as file:
        assert file.read() == "one"
