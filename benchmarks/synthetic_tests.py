"""Collected tests that stand in no file, for measurements of what planning and scheduling cost."""

from __future__ import annotations

from test_framework.model.plan import TestInfo

TESTS_A_FILE = 50


def collected_tests(count: int) -> tuple[TestInfo, ...]:
    """So many tests, fifty to a file, every tenth linked to the one before it."""
    marks: frozenset[str] = frozenset()
    return tuple(
        TestInfo(
            id=f"tests/area_{index // 5000}/test_module_{index // TESTS_A_FILE}.py::test_case[{index}]",
            index=index,
            file=f"tests/area_{index // 5000}/test_module_{index // TESTS_A_FILE}.py",
            line=index % TESTS_A_FILE * 4 + 1,
            chain=f"tests/area_{index // 5000}/test_module_{index // TESTS_A_FILE}.py",
            marks=marks,
            linked=index % 10 == 5,
        )
        for index in range(count)
    )
