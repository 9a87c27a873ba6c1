"""Selectors of installed packages: what they leave out of a run, and what is said where one fails.

Rules: a selector is called with the collected tests and with what is known of them, once, in a thread; it answers with
what is left out, test id -> reason. What is left out is owed by the selector's name, so that nothing is lost. One that
raises or answers something else leaves out nothing, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from test_framework.core.planning import Known
from test_framework.model.plan import TestInfo

Selector: TypeAlias = Callable[[Sequence[TestInfo], Known], Mapping[str, str]]
"""(tests, known) -> test id -> why it is left out"""


def left_out(
    selectors: Mapping[str, Selector], tests: Sequence[TestInfo], known: Known
) -> tuple[dict[str, str], list[str]]:
    """What all selectors together leave out, by reason, and notes."""
    found: dict[str, str] = {}
    notes: list[str] = []
    ids = frozenset(test.id for test in tests)
    for name, selector in selectors.items():
        try:
            answer: Any = selector(tests, known)
            reasons = {str(test): str(reason) for test, reason in dict(answer or {}).items()}
        except Exception as problem:  # noqa: BLE001 - a stranger's code
            notes.append(f"selector {name} left out nothing: {type(problem).__name__}: {problem}")
            continue
        strangers = [test for test in reasons if test not in ids]
        if strangers:
            notes.append(
                f"selector {name} names {len(strangers)} tests that were not collected: {strangers[0]}"
            )
        for test in reasons.keys() & ids:
            found.setdefault(test, f"left out by selector {name}: {reasons[test]}".removesuffix(": "))
    return found, notes
