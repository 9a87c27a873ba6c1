import pytest


def test_all_pass(subtests):
    for number in range(5):
        with subtests.test(number=number):
            assert number < 5


def test_some_fail(subtests):
    for number in range(4):
        with subtests.test("odd ones fail", number=number):
            assert number % 2 == 0


def test_fails_after_a_subtest(subtests):
    with subtests.test("fine"):
        assert True
    assert False


def test_skip_in_a_subtest(subtests):
    with subtests.test("skipped"):
        pytest.skip("only this one")
    assert True


def test_xfail_in_a_subtest(subtests):
    with subtests.test("known"):
        pytest.xfail("known")
    assert True


@pytest.mark.xfail(reason="known")
def test_expected(subtests):
    with subtests.test("fails"):
        assert False
    assert False
