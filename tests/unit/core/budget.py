"""How many random examples the core's tests try; the job that plants faults asks for fewer."""

from __future__ import annotations

import os

EXAMPLES = int(os.environ.get("APEX_CORE_EXAMPLES", "600"))
