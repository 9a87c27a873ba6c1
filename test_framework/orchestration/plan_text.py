"""A plan for people and for programs: `--dry-run`."""

from __future__ import annotations

import json
import sys
from typing import Any

from test_framework.core.owed import by_reason
from test_framework.core.planning import Planned

MOST_NAMES = 10
LEAST_DOUBT = 0.2
"""seconds between the low and the high estimate from which on both are shown"""


def show_plan(planned: Planned, progress_mode: str, verbose: bool) -> dict[str, Any]:
    """Write it to stdout as the mode asks; returns it as plain values."""
    text = plan_as_json(planned)
    if progress_mode == "json":
        sys.stdout.write(text + "\n")
    elif progress_mode not in ("silent", "websocket"):
        sys.stdout.write("\n".join(plan_as_text(planned, verbose)) + "\n")
    plan: dict[str, Any] = json.loads(text)
    return plan


def plan_as_json(planned: Planned) -> str:
    """One JSON object: layers with categories, their tests and limits, and what is owed."""
    span = planned.estimate
    body = {
        "lanes": planned.plan.lanes,
        "max_parallel_layers": planned.plan.max_parallel_layers,
        "fail_fast_mode": planned.plan.fail_fast_mode,
        "estimate_seconds": span.expected if span is not None else None,
        "estimate_low_seconds": span.low if span is not None else None,
        "estimate_high_seconds": span.high if span is not None else None,
        "deselected": planned.deselected,
        "layers": [
            {
                "layer": layer.id,
                "budget_seconds": layer.budget_seconds,
                "max_lanes": layer.max_lanes,
                "mode": layer.mode,
                "priority": layer.priority,
                "depends_on": sorted(layer.depends_on),
                "after": sorted(layer.after),
                "conflicts": sorted(layer.conflicts),
                "categories": [
                    {
                        "category": category.name,
                        "budget_seconds": category.budget_seconds,
                        "test_timeout_seconds": category.test_timeout_seconds,
                        "depends_on": sorted(category.depends_on),
                        "conflicts": sorted(category.conflicts),
                        "estimate_seconds": sum(sum(chain.costs) for chain in category.chains),
                        "tests": [test for chain in category.chains for test in chain.tests],
                    }
                    for category in layer.categories
                ],
            }
            for layer in planned.plan.layers
        ],
        "owed": [
            {
                "test": test,
                "category": category,
                "layer": layer,
                "reason": reason,
                "another_time": test in planned.another_time,
            }
            for test, category, layer, reason in planned.owed
        ],
        "proven": [
            {"test": test, "category": category, "layer": layer} for test, category, layer in planned.proven
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
        waits = layer.depends_on | layer.after
        if layer.max_lanes is not None:
            limit += f", at most {layer.max_lanes} lane{'s' if layer.max_lanes > 1 else ''}"
        after = f", after {', '.join(sorted(waits))}" if waits else ""
        lines.append(f"layer {layer.id} ({layer.mode}{limit}{after}): {count} tests")
        for category in layer.categories:
            tests = [test for chain in category.chains for test in chain.tests]
            seconds = sum(sum(chain.costs) for chain in category.chains)
            known = f", about {seconds:.1f} s of tests" if planned.estimate is not None else ""
            lines.append(f"  {category.name}: {len(tests)} tests{known}")
            lines += [f"    {ascii(test)[1:-1]}" for test in (tests if verbose else ())]
    for group in by_reason((test, category, reason) for test, category, _, reason in planned.owed):
        tests = group.tests
        lines.append(f"owed: {len(tests)} {group.reason} ({group.where()})")
        lines += [f"  {ascii(test)[1:-1]}" for test in (tests if verbose else tests[:MOST_NAMES])]
        if len(tests) > MOST_NAMES and not verbose:
            lines.append(f"  and {len(tests) - MOST_NAMES} more")
    if planned.proven:
        lines.append(f"proven: {len(planned.proven)} tests that need not run")
    if planned.deselected:
        lines.append(f"left out: {planned.deselected} tests")
    lines += [f"note: {note}" for note in planned.notes]
    wall = "unknown (no earlier run)"
    if planned.estimate is not None:
        span = planned.estimate
        wall = f"about {span.expected:.1f} s"
        wall += f" ({span.low:.1f} to {span.high:.1f} s)" if span.high - span.low >= LEAST_DOUBT else ""
    lines.append(f"{planned.plan.lanes} lanes; expected: {wall}")
    return lines
