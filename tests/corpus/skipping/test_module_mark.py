import pytest

pytestmark = pytest.mark.skip(reason="marked as a module")


def test_collected_and_skipped():
    assert False
