import os
import subprocess
import sys

import test_framework
from test_framework.tools import answer


def test_it_is_ours():
    assert test_framework.OWNER == "the project under test"
    assert answer() == 42


def test_a_child_sees_ours_too():
    code = "import test_framework; print(test_framework.OWNER)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "the project under test\n"


def test_nothing_else_was_put_on_the_path():
    assert "PYTHONPATH" not in os.environ
    assert "PYTEST_PLUGINS" not in os.environ


def test_no_module_of_a_tool_has_that_name():
    owners = {name for name in sys.modules if name == "test_framework" or name.startswith("test_framework.")}
    assert owners == {"test_framework", "test_framework.tools"}
