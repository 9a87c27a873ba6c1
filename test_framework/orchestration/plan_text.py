"""A plan for people and for programs: `--dry-run`."""

from __future__ import annotations

import json

from test_framework.core.planning import Planned

MOST_NAMES = 10


def plan_as_json(planned: Planned) -> str:
    """One JSON object: layers with categories, their tests and limits, and what is owed."""
    body = {
        "lanes": planned.plan.lanes,
        "estimate_seconds": planned.estimate_seconds,
        "deselected": planned.deselected,
        "layers": [
            {
                "layer": layer.id,
                "budget_seconds": layer.budget_seconds,
                "mode": layer.mode,
                "categories": [
                    {
                        "category": category.name,
                        "budget_seconds": category.budget_seconds,
                        "test_timeout_seconds": category.test_timeout_seconds,
                        "estimate_seconds": sum(sum(chain.costs) for chain in category.chains),
                        "tests": [test for chain in category.chains for test in chain.tests],
                    }
                    for category in layer.categories
                ],
            }
            for layer in planned.plan.layers
        ],
        "owed": [
            {"test": test, "category": category, "layer": layer, "reason": reason}
            for test, category, layer, reason in planned.owed
        ],
        "notes": list(planned.notes),
    }
    return json.dumps(body, separators=(",", ":"))


def plan_as_text(planned: Planned, verbose: bool) -> list[str]:
    """Lines: each layer with its deadline, categories and counts; with `verbose` every test."""
    lines: list[str] = []
    for layer in planned.plan.layers:
        count = sum(len(chain.tests) for category in layer.categories for chain in category.chains)
        limit = f", at most {layer.budget_seconds / 60:g} min" if layer.budget_seconds else ""
        lines.append(f"layer {layer.id} ({layer.mode}{limit}): {count} tests")
        for category in layer.categories:
            tests = [test for chain in category.chains for test in chain.tests]
            seconds = sum(sum(chain.costs) for chain in category.chains)
            known = f", about {seconds:.1f} s of tests" if planned.estimate_seconds is not None else ""
            lines.append(f"  {category.name}: {len(tests)} tests{known}")
            lines += [f"    {ascii(test)[1:-1]}" for test in (tests if verbose else ())]
    owed: dict[str, list[str]] = {}
    for test, _category, _layer, reason in planned.owed:
        owed.setdefault(reason, []).append(test)
    for reason, tests in owed.items():
        lines.append(f"owed: {len(tests)} tests: {reason}")
        lines += [f"  {ascii(test)[1:-1]}" for test in (tests if verbose else tests[:MOST_NAMES])]
        if len(tests) > MOST_NAMES and not verbose:
            lines.append(f"  and {len(tests) - MOST_NAMES} more")
    estimate = planned.estimate_seconds
    wall = f"about {estimate:.1f} s" if estimate is not None else "unknown (no earlier run)"
    lines.append(f"{planned.plan.lanes} lanes; expected: {wall}")
    return lines
