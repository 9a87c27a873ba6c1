"""Writes test_framework/model/facts.schema.json afresh from the dataclasses of the facts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SCHEMA = REPOSITORY / "test_framework" / "model" / "facts.schema.json"


def main() -> int:
    """Write the file; a test compares it with the code."""
    sys.path.insert(0, str(REPOSITORY))
    from test_framework.model.wire import schema

    SCHEMA.write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
