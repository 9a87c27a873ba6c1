import types

import pytest

LEFT = types.SimpleNamespace(behind=[])


@pytest.fixture
def left():
    return LEFT.behind
