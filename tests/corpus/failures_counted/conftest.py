import pytest


@pytest.fixture
def failed(request):
    return request.session.testsfailed
