seen = []


def test_runs_third():
    seen.append(3)
    assert seen == [1, 2, 3]


def test_runs_second():
    seen.append(2)
    assert seen == [1, 2]


def test_runs_first():
    seen.append(1)
    assert seen == [1]


def test_is_dropped():
    assert False
