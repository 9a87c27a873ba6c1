import os


def test_closes_standard_output():
    os.close(1)
    os.close(2)


def test_after_closing():
    assert True


def test_replaces_standard_output():
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


def test_failure_after_replacing():
    assert False
