"""Sets up for the whole session what all tests use, and takes it down at its end, which comes once."""

import os
import shutil

TAKEN_DOWN = "taken_down.txt"


def make(name):
    os.mkdir(name)
    os.environ[name.upper()] = os.path.abspath(name)


def take_down(name):
    shutil.rmtree(name)
    with open(TAKEN_DOWN, "a") as file:
        file.write(name + "\n")


class Instance:
    def pytest_sessionstart(self):
        make("instance")

    def pytest_sessionfinish(self):
        take_down("instance")


def pytest_configure(config):
    make("configured")
    make("cleaned")
    config.add_cleanup(lambda: take_down("cleaned"))
    config.pluginmanager.register(Instance())


def pytest_unconfigure():
    take_down("configured")
    with open(TAKEN_DOWN) as file:
        assert sorted(file.read().split()) == ["configured", "instance", "started"]


def pytest_sessionstart():
    make("started")


def pytest_sessionfinish():
    take_down("started")
