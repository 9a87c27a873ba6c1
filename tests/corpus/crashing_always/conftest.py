import os


def pytest_runtest_protocol(item, nextitem):
    os._exit(9)
