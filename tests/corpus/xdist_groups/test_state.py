import pytest

pytestmark = pytest.mark.xdist_group("state")
state = []


@pytest.mark.parametrize("number", range(8))
def test_state_is_kept(number):
    state.append(number)
    assert state == list(range(number + 1))
