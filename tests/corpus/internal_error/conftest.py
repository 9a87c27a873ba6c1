import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    if item.name == "test_breaks_a_plugin" and call.when == "call":
        raise RuntimeError("marker-internal-error")
