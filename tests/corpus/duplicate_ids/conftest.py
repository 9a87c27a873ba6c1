import pytest


class Twin(pytest.Item):
    def __init__(self, *, good, **options):
        super().__init__(**options)
        self.good = good

    def runtest(self):
        assert self.good

    def reportinfo(self):
        return self.path, 0, self.name


class Twins(pytest.File):
    def collect(self):
        yield Twin.from_parent(self, name="twin", good=True)
        yield Twin.from_parent(self, name="twin", good=False)
        yield Twin.from_parent(self, name="single", good=True)


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".twins":
        return Twins.from_parent(parent, path=file_path)
    return None
