import pytest
from log import write


@pytest.fixture(scope="session", autouse=True)
def session_fixture():
    write("setup session")
    yield
    write("teardown session")


@pytest.fixture(scope="package")
def package_fixture(request):
    write("setup package", request.node.name or ".")
    yield
    write("teardown package", request.node.name or ".")


@pytest.fixture(scope="module")
def module_fixture(request):
    write("setup module", request.module.__name__)
    yield request.module.__name__
    write("teardown module", request.module.__name__)


@pytest.fixture(scope="class")
def class_fixture(request):
    write("setup class", request.cls.__name__)
    yield
    write("teardown class", request.cls.__name__)


@pytest.fixture
def function_fixture(request):
    write("setup function", request.node.name)
    yield
    write("teardown function", request.node.name)


@pytest.fixture(scope="module", params=["red", "blue"])
def colour(request):
    write("setup colour", request.param)
    yield request.param
    write("teardown colour", request.param)
