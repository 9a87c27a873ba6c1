state = []


def setup_module():
    state.append("module")


def setup_function():
    state.append("function")


def test_first():
    assert state == ["module", "function"]


def test_second():
    assert state == ["module", "function", "function"]
