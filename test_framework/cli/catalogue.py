"""`--list-categories`: the catalogue by priority, dependencies in a fixed order."""

from __future__ import annotations

from test_framework.core.settings import PRIORITIES, CategorySettings, Settings


def category_lines(settings: Settings) -> list[str]:
    """The lines to print; the legacy runner's headings."""
    lines = ["AVAILABLE TEST CATEGORIES", "=" * 60]
    for priority in PRIORITIES:
        members = [each for each in settings.categories.values() if each.priority == priority]
        if not members:
            continue
        lines += ["", f"{priority} Priority:"]
        for category in members:
            lines += _category(category, settings)
    return [*lines, "", f"Total Categories: {len(settings.categories)}"]


def _category(category: CategorySettings, settings: Settings) -> list[str]:
    lines = [f"  {category.name:<18} {category.description}".rstrip()]
    order = list(settings.categories)
    needs = sorted(category.dependencies, key=lambda name: order.index(name) if name in order else len(order))
    if needs:
        lines.append(f"  {'':<18} needs: {', '.join(needs)}")
    if category.conflicts:
        lines.append(f"  {'':<18} conflicts: {', '.join(category.conflicts)}")
    flags = [
        name
        for name, on in (
            ("serial", not category.parallel_safe),
            ("real services", category.requires_real_services),
            ("real LLM", category.requires_real_llm),
        )
        if on
    ]
    if flags:
        lines.append(f"  {'':<18} {', '.join(flags)}")
    return lines
