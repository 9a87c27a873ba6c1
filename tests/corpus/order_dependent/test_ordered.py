import time

seen = []


def step(number):
    time.sleep(0.03)
    seen.append(number)
    assert seen == list(range(1, number + 1))


def test_step_1():
    step(1)


def test_step_2():
    step(2)


def test_step_3():
    step(3)


def test_step_4():
    step(4)


def test_step_5():
    step(5)


def test_step_6():
    step(6)


def test_step_7():
    step(7)


def test_step_8():
    step(8)


def test_step_9():
    step(9)
