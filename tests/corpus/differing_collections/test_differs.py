import os

import pytest


@pytest.mark.parametrize("number", [os.getpid(), 1])
def test_with_a_number_of_the_process(number):
    assert number
