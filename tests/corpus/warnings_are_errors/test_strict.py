import warnings

import pytest


def test_passes():
    assert True


def test_warning_is_a_failure():
    warnings.warn("an error here", stacklevel=1)


@pytest.mark.xfail(reason="but it works")
def test_strict_by_configuration():
    assert True
