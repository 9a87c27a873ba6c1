import pytest


class Broken(Exception):
    pass


class Line(pytest.Item):
    def __init__(self, *, expected, actual, **options):
        super().__init__(**options)
        self.expected, self.actual = expected, actual

    def runtest(self):
        if self.actual == "skip":
            pytest.skip("said so in the file")
        if self.expected != self.actual:
            raise Broken(f"{self.actual!r} is not {self.expected!r}")

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, Broken):
            return f"marker-custom-representation: {excinfo.value}"
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, 0, f"line: {self.name}"


class Lines(pytest.File):
    def collect(self):
        for line in self.path.read_text().splitlines():
            name, expected, actual = line.split()
            item = Line.from_parent(self, name=name, expected=expected, actual=actual)
            if name == "known":
                item.add_marker(pytest.mark.xfail(reason="known"))
            yield item


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".lines":
        return Lines.from_parent(parent, path=file_path)
    return None
