"""What is owed, by reason: the same words in a plan and at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

MOST_CATEGORIES = 8


@dataclass(slots=True)
class Group:
    """Tests that are owed for one reason."""

    reason: str
    tests: list[str] = field(default_factory=list)
    categories: dict[str, None] = field(default_factory=dict)
    """in the order in which they came"""

    def where(self) -> str:
        """`category api`, or `categories e2e, cypress`; '' where none is known."""
        names = list(self.categories)
        if len(names) > MOST_CATEGORIES:
            names[MOST_CATEGORIES:] = [f"and {len(names) - MOST_CATEGORIES} more"]
        return f"{'category' if len(names) == 1 else 'categories'} {', '.join(names)}" if names else ""


def by_reason(rows: Iterable[tuple[str, str, str]]) -> list[Group]:
    """Groups of (test, category, reason), in the order in which the reasons came."""
    groups: dict[str, Group] = {}
    for test, category, reason in rows:
        group = groups.get(reason)
        if group is None:
            group = groups[reason] = Group(reason)
        group.tests.append(test)
        if category:
            group.categories[category] = None
    return list(groups.values())
