"""How many random examples the core's tests try; the job that plants faults asks for fewer, and for no shrinking."""

from __future__ import annotations

import os

from hypothesis import Phase, settings

EXAMPLES = int(os.environ.get("APEX_CORE_EXAMPLES", "600"))
_QUICK = (Phase.explicit, Phase.generate)
PHASES = _QUICK if "APEX_CORE_EXAMPLES" in os.environ else tuple(Phase)


def examples(share: float = 1.0) -> settings:
    """The same examples in every run: a share of the usual number."""
    count = max(20, round(EXAMPLES * share))
    return settings(max_examples=count, deadline=None, derandomize=True, phases=PHASES)
