"""What the project's side tells of a test's marks."""

from __future__ import annotations

import pytest

from test_framework.core.leaving_out import environments_of
from test_framework.engine.inside.inventory import _names

pytestmark = pytest.mark.unit


def test_marks_that_name_environments_carry_the_names_and_others_only_their_own() -> None:
    marks = [
        pytest.Mark("env", ("staging", "production"), {}, _ispytest=True),
        pytest.Mark("environment", (), {"name": "dev"}, _ispytest=True),
        pytest.Mark("skipif", (True,), {"reason": "staging"}, _ispytest=True),
        pytest.Mark("env", (3,), {}, _ispytest=True),
    ]
    names = frozenset(_names(marks))
    assert names == {
        "env",
        "env:staging",
        "env:production",
        "environment",
        "environment:dev",
        "skipif",
    }
    assert environments_of(names) == {"staging", "prod", "dev"}
