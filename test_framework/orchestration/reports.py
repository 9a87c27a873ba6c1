"""The reports that one run is asked for, beside the console and JUnit."""

from __future__ import annotations

from test_framework.orchestration.preparation import Preparation
from test_framework.orchestration.run_log import run_logs
from test_framework.sinks.protocol import Sink


def further_sinks(preparation: Preparation) -> list[Sink]:
    """The production log of a run in layers, and the reports of its options."""
    found: list[Sink] = [*run_logs(preparation)]
    options = preparation.options
    if options.ctrf is not None and not options.dry_run:
        from test_framework.sinks.ctrf import CtrfFile, ctrf_path

        found.append(CtrfFile(ctrf_path(options.ctrf)))
    return found
